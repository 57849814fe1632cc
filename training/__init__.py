"""How feedback becomes a better adapter. Knows no page."""
