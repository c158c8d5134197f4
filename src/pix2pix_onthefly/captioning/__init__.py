"""Picture to caption (paper 3.1)."""
