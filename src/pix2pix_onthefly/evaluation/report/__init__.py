"""Tables, intervals, trends and the page, made of stored results."""
