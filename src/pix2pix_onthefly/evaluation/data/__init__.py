"""Test sets: MagicBrush's layout, its copy on the hub, and MiniBrush, which is rendered."""
