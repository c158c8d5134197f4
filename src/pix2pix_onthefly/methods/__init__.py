"""Ways of making an edit; the paper's own is `attention_guidance`."""
