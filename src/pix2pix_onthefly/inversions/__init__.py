"""From the latents of a picture to the noise that regenerates it."""
