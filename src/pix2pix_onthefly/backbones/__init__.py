"""Text-to-image models behind a few verbs: encode, decode, condition, predict, and the path between noise levels."""
