"""The truth: what people said and rated, what was trained from it. Knows no page and no model."""
