"""Questions as people ask them every day, to compare versions on while few of their own are kept for it.

Three questions tell little of how odd answers have become, and nothing is sure by them. Nobody practises
these; they are in English, so they are for people who ask in it. Knows no policy and no rating.
"""

import re
from collections.abc import Iterable

QUESTIONS = (
    "What should I cook for dinner tonight?",
    "How do I choose a good melon?",
    "Why do clocks tick?",
    "Write a short message to thank a bus driver.",
    "What is a good way to learn a new language?",
    "I can't decide what to do this weekend.",
    "What makes glass break?",
    "Tell me something interesting about the sea.",
    "How can I keep my hands warm?",
    "Explain what a budget is.",
    "Write two lines of a poem about a bridge.",
    "What is a good gift for a friend who likes to read?",
    "How do I start a conversation with someone I don't know?",
    "What is a shadow?",
    "Give me an idea for a quiet afternoon.",
    "How does a zip work?",
    "I had a bad day at work.",
    "What is the best way to pack a suitcase?",
    "Describe a quiet street in the evening.",
    "How can I learn to whistle?",
    "Suggest a name for a small café.",
    "How do I fold a large map?",
    "What should I wear to a concert?",
    "Which is better, a bag or a rucksack?",
)
_ENGLISH = re.compile(
    r"\b(?:the|an?|is|are|do|does|how|what|why|who|i|you|my|me|of|to)\b", re.IGNORECASE
)


def suits(asked: Iterable[str]) -> bool:
    """Tell whether most of what people asked is in English."""
    english = [bool(_ENGLISH.search(question)) for question in asked]
    return 2 * sum(english) > len(english)
