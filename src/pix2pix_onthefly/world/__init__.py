"""The rendered world of the mini family: everyday objects on plain backgrounds and in places, with exact captions."""
