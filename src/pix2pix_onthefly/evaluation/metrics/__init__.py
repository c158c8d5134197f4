"""Figures of an edit: MagicBrush's metrics, preservation, and the verdict of an exact judge."""
