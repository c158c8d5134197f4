"""Edits for other programs: an HTTP endpoint that OpenAI's clients speak to, and tools for assistants (MCP)."""
