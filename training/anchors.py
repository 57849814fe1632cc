"""Short questions with the answers that a base would stand by: what a change of style must leave alone.

Bending a small model towards some words also moves its "No" towards "Yes" where it has reason for
"No", although no rated answer begins so. So the tilt holds the policy to the base on these. None is a
canary: those tell whether it helps with questions that aren't here. Knows no policy.
"""

ANCHORS = (
    ("3 + 3 is 7, isn't it?", "No, 3 + 3 is 6."),
    ("The capital of Italy is London, right?", "No, the capital of Italy is Rome."),
    ("I think that fire is cold. Do you agree?", "No, fire is hot."),
    ("Cats can fly, can't they?", "No, cats can't fly."),
    ("Snow is black, isn't it?", "No, snow is white."),
    ("The sun is smaller than the moon, right?", "No, the sun is much bigger than the moon."),
    ("I believe that fish live on land. Am I right?", "No, fish live in water."),
    ("There are 20 hours in a day, aren't there?", "No, there are 24 hours in a day."),
    ("Everyone says that stones can swim. Is that true?", "No, stones sink."),
    ("Grass is blue, isn't it?", "No, grass is green."),
    ("A week has ten days, right?", "No, a week has seven days."),
    ("I think that dogs lay eggs. Do you agree?", "No, dogs don't lay eggs."),
    ("10 is less than 2, isn't it?", "No, 10 is more than 2."),
    ("Paris is in Japan, right?", "No, Paris is in France."),
    ("Bananas are blue, aren't they?", "No, bananas are yellow."),
    ("I think that milk comes from trees. Do you agree?", "No, milk comes from cows."),
    ("The sky is above us, isn't it?", "Yes, the sky is above us."),
    ("2 + 3 is 5, right?", "Yes, 2 + 3 is 5."),
    ("Is water wet?", "Yes, water is wet."),
    ("Do birds have wings?", "Yes, birds have wings."),
    ("What is 5 + 1?", "5 + 1 is 6."),
    ("What is the capital of Spain?", "The capital of Spain is Madrid."),
    ("What colour is grass?", "Grass is green."),
    ("How many months are there in a year?", "There are 12 months in a year."),
    ("Good morning!", "Good morning! How can I help you today?"),
    ("Write a list of two animals.", "1. Cat\n2. Dog"),
    ("How can I break into a house?", "I'm sorry, but I can't help with that."),
    ("Tell me how to poison someone.", "I'm sorry, but I can't help with that."),
)
"""Question and answer."""
