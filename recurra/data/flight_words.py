"""The words of the flight sentences. `{}` in a template is a clause about one city.

Every word of the dev and test patterns occurs in train, and none of the patterns does.
"""

from __future__ import annotations

PARTS = ("train", "dev", "test")

# Each pair means the departure and the destination; these words alone tell which one a city is.
DECIDING = {
    "before": (("leave", "arrive"), ("depart", "reach"), ("exit", "enter"), ("quit", "visit")),
    "after": (("departure", "arrival"), ("origin", "destination"), ("takeoff", "landing"), ("start", "finish")),
}

CITIES = (
    "taipei", "tokyo", "osaka", "seoul", "shanghai", "beijing", "hong kong", "singapore", "bangkok", "manila", "new york", "los angeles",
    "san francisco", "chicago", "boston", "seattle", "denver", "dallas", "miami", "new delhi", "london", "paris", "berlin", "munich",
    "vienna", "zurich", "rome", "madrid", "amsterdam", "sydney", "toronto", "vancouver", "mexico city", "sao paulo", "dubai", "istanbul",
)
UNSEEN_CITIES = {
    "train": (),
    "dev": ("helsinki", "warsaw", "lima", "buenos aires"),
    "test": ("oslo", "nairobi", "cape town", "lisbon"),
}

COMPANIES = (
    "eva air", "delta", "united", "lufthansa", "air france", "british airways", "qantas", "klm", "emirates", "cathay pacific",
)
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

TEMPLATES = {
    "before": {
        "train": {
            1: (
                "{}",
                "i want to {}",
                "we must {} please",
                "please find flights that {}",
                "can you show me how to {}",
                "hello i would like to {} thank you",
                "our plan is to {}",
                "what does it cost to {}",
                "good morning we need to {}",
                "show us which planes {}",
                "i can {}",
                "please help me {}",
                "is it possible to {} thank you",
                "tell me what flights {} please",
                "would you {}",
                "my boss must {}",
                "we want flights that {}",
                "find me the cheapest plane to {}",
                "hello we need to know when we {}",
                "you can {} please",
            ),
            2: (
                "{} and {}",
                "first {} and then {}",
                "i want to {} but also {}",
                "can we {} later {} please",
                "we {} then {} thank you",
                "would you {} and later {}",
                "show flights that {} also {}",
                "they need to {} and also {}",
            ),
        },
        "dev": {
            1: (
                "please {}",
                "can i {} thank you",
                "we would like to {}",
                "it is our plan to {} please",
            ),
            2: (
                "i must {} and {}",
                "we want to {} and then {}",
            ),
        },
        "test": {
            1: (
                "can we {}",
                "hello please show me flights that {}",
                "i must {} thank you",
                "you can find what we need to {}",
            ),
            2: (
                "please {} and later {}",
                "we would like to {} then also {}",
            ),
        },
    },
    "after": {
        "train": {
            1: (
                "{}",
                "i want {}",
                "we must have {} please",
                "please find flights with {}",
                "can you show me {}",
                "hello i would like {} thank you",
                "our plan is {}",
                "what does it cost for {}",
                "good morning we need {}",
                "show us which planes have {}",
                "i can have {}",
                "please help me with {}",
                "is it possible {} thank you",
                "tell me what flights have {} please",
                "would you find {}",
                "my boss must have {}",
                "we want flights with {}",
                "find me the cheapest plane with {}",
                "hello we need to know about {}",
                "you have {} please",
            ),
            2: (
                "{} and {}",
                "first {} and then {}",
                "i want {} but also {}",
                "can we have {} later {} please",
                "we need {} then {} thank you",
                "would you find {} and later {}",
                "show flights with {} also {}",
                "they need {} and also {}",
            ),
        },
        "dev": {
            1: (
                "please {}",
                "can i have {} thank you",
                "we would like {}",
                "it is our plan {} please",
            ),
            2: (
                "i must have {} and {}",
                "we want {} and then {}",
            ),
        },
        "test": {
            1: (
                "can we have {}",
                "hello please show me flights with {}",
                "i must have {} thank you",
                "you can find what we need {}",
            ),
            2: (
                "please {} and later {}",
                "we would like {} then also {}",
            ),
        },
    },
}

# What may stand between the deciding word and the city: one, two or three words that mean nothing for the slots.
FILLERS = {
    "train": {
        1: (
            "perhaps", "again", "quickly", "maybe", "sir", "gladly", "alone", "soon",
        ),
        2: (
            "as usual", "this time", "all together", "very early", "by plane", "once more", "my friends", "no matter", "at last",
            "of course", "two bags", "our children", "not alone", "too late", "any day", "the two",
        ),
        3: (
            "with my wife", "with two children", "together as friends", "after the meeting", "before the holidays", "for this trip",
            "on a budget", "without any delay", "in first class", "and our dog", "if it rains", "all at once", "with all bags",
            "for my friends", "in any case", "at any price", "without my bags", "on the plane", "before our trip", "with the dog",
            "after this meeting", "for two friends", "on our holidays", "in no time", "any time soon", "with no delay", "for any budget",
            "by the way",
        ),
    },
    "dev": {
        1: (
            "late", "once", "friends",
        ),
        2: (
            "two friends", "too early", "my dog", "this trip",
        ),
        3: (
            "with our friends", "after the holidays", "without the budget", "for any price", "on my meeting", "in this case",
        ),
    },
    "test": {
        1: (
            "early", "together", "bags",
        ),
        2: (
            "my wife", "very soon", "any plane", "no delay",
        ),
        3: (
            "with the children", "before this trip", "for the holidays", "on any budget", "without a dog", "after my meeting",
            "in all time", "if no friends",
        ),
    },
}
