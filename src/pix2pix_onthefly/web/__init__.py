"""The page on which people edit pictures in a browser. Needs the extra `web`; only the command imports it."""
