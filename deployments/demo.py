"""The demo world as data: twelve people, whom they follow, what they say. `seed` makes it real."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lives here."""

    username: str
    name: str
    note: str
    follows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Post:
    """Something said. `key` names it for replies and reactions; `to` is the key that it answers."""

    key: str
    by: str
    text: str
    to: str = ""
    warning: str = ""
    visibility: str = "public"
    liked: tuple[str, ...] = ()
    boosted: tuple[str, ...] = ()


LOGINS = ("alice", "bob", "carol")  # whose passwords are printed

PEOPLE = (
    Person(
        "alice",
        "Alice Lindqvist",
        "Marine biologist. Counts seals, mostly. #ocean #fieldwork",
        ("bob", "carol", "dan", "erin", "grace", "judy"),
    ),
    Person(
        "bob",
        "Bob Okafor",
        "Baker. Sourdough at four in the morning. #bread",
        ("alice", "carol", "frank", "heidi"),
    ),
    Person(
        "carol",
        "Carol Reyes",
        "Night trains and the places they end. #trains #photography",
        ("alice", "bob", "ivan", "judy", "oscar"),
    ),
    Person(
        "dan", "Dan Whitfield", "Retired lighthouse keeper. I have time now.", ("alice", "grace", "heidi")
    ),
    Person(
        "erin",
        "Erin Sato",
        "Builds telescopes out of what others throw away. #astronomy",
        ("alice", "dan", "grace", "mallory", "judy"),
    ),
    Person(
        "frank",
        "Frank Moreau",
        "Plays the double bass in rooms that are too small for it. #jazz",
        ("bob", "heidi", "oscar"),
    ),
    Person(
        "grace",
        "Grace Mbeki",
        "Meteorologist. Yes, I know whether it will rain. #weather",
        ("alice", "dan", "erin", "bob"),
    ),
    Person(
        "heidi",
        "Heidi Brandt",
        "Community garden, plot 14. Seeds to swap. #garden",
        ("bob", "dan", "frank", "judy"),
    ),
    Person("ivan", "Ivan Petrov", "Restores station clocks. Ask me about pendulums.", ("carol", "oscar")),
    Person(
        "judy",
        "Judy Alvarez",
        "Librarian. The quiet kind of loud. #books",
        ("alice", "carol", "erin", "heidi", "mallory"),
    ),
    Person("mallory", "Mallory Quinn", "Security researcher. I only break my own things.", ("erin", "judy")),
    Person("oscar", "Oscar Lund", "Cinema projectionist, 35 mm. #film", ("carol", "frank", "ivan")),
)

STORY = (
    Post(
        "seals",
        "alice",
        "212 grey seals on the skerries this morning. The pups have learned to look bored. #ocean",
        liked=("dan", "erin", "grace", "judy"),
        boosted=("grace", "dan"),
    ),
    Post(
        "seals-dan",
        "dan",
        "@alice In 1987 I counted forty and told everyone it was a crowd.",
        to="seals",
        liked=("alice", "grace"),
    ),
    Post(
        "seals-alice",
        "alice",
        "@dan I have your logbook open next to me. Page 31. You drew them hats.",
        to="seals-dan",
        liked=("dan", "erin", "heidi"),
    ),
    Post(
        "oven",
        "bob",
        "The oven is back. Forty rye loaves at six, first come. #bread",
        liked=("alice", "carol", "frank", "heidi"),
        boosted=("heidi",),
    ),
    Post(
        "oven-frank",
        "frank",
        "@bob Keep two for the band? We rehearse until the neighbours object.",
        to="oven",
    ),
    Post(
        "oven-bob",
        "bob",
        "@frank Two kept. Play the slow one near the window, please.",
        to="oven-frank",
        liked=("frank",),
    ),
    Post(
        "train",
        "carol",
        "The night train to Narvik stops at a station that is not on the timetable. "
        "Nobody gets off. #trains #photography",
        liked=("alice", "ivan", "judy", "oscar"),
        boosted=("oscar", "judy"),
    ),
    Post(
        "train-ivan",
        "ivan",
        "@carol Its clock is mine. It is four minutes slow on purpose: the driver likes coffee.",
        to="train",
        liked=("carol", "oscar", "judy"),
        boosted=("carol",),
    ),
    Post(
        "mirror",
        "erin",
        "Ground a 200 mm mirror from a shop window. Saturn has rings. I checked. #astronomy",
        liked=("alice", "dan", "grace", "mallory"),
        boosted=("alice",),
    ),
    Post(
        "front",
        "grace",
        "A cold front arrives on Thursday at about 14:00. Bring in your washing, and @bob, your flour.",
        liked=("bob", "dan", "alice"),
        boosted=("bob",),
    ),
    Post(
        "front-bob",
        "bob",
        "@grace It is under a roof. It was under a roof last time as well. It got wet last time.",
        to="front",
        liked=("grace",),
    ),
    Post(
        "seeds",
        "heidi",
        "Seed swap on Saturday, plot 14: tomatoes with names nobody can pronounce. #garden",
        liked=("bob", "judy", "dan"),
        boosted=("judy", "bob"),
    ),
    Post(
        "clock",
        "ivan",
        "A pendulum from 1911 came back to life today. It had a train ticket stuck behind it, unpunched.",
        liked=("carol", "oscar"),
        boosted=("carol",),
    ),
    Post(
        "books",
        "judy",
        "Returned today: a book due in 1974, with a note: 'It was worth it.' #books",
        liked=("alice", "carol", "erin", "heidi", "mallory"),
        boosted=("alice", "mallory", "carol"),
    ),
    Post(
        "keys",
        "mallory",
        "Found a house key in my letterbox with my address on the tag. "
        "Please do not help me test my own locks.",
        liked=("judy", "erin"),
    ),
    Post(
        "reel",
        "oscar",
        "Reel three was spliced backwards and the audience clapped anyway. #film",
        liked=("frank", "ivan", "carol"),
        boosted=("frank",),
    ),
    Post(
        "bass",
        "frank",
        "Carried the bass up five floors. The concert is on the ground floor. #jazz",
        liked=("bob", "heidi", "oscar"),
    ),
    Post(
        "spoiler",
        "oscar",
        "She was the lighthouse all along.",
        warning="The ending of tonight's film",
        liked=("frank",),
    ),
    Post(
        "friends",
        "dan",
        "To those who follow me here: the lamp room is open on Sunday, bring somebody who is "
        "afraid of stairs.",
        visibility="private",
        liked=("alice", "heidi"),
    ),
    Post(
        "unlisted",
        "erin",
        "Testing the new eyepiece on street lamps. Nothing to see, literally.",
        visibility="unlisted",
        liked=("alice",),
    ),
    Post(
        "direct",
        "carol",
        "@alice Found a print of your skerries at the market. Shall I keep it for you?",
        visibility="direct",
    ),
    Post(
        "direct-alice",
        "alice",
        "@carol Please! And do not tell @dan, it has hats drawn on it.",
        to="direct",
        visibility="direct",
    ),
    Post(
        "rain",
        "grace",
        "It rained at 13:58. I apologise for the two minutes. #weather",
        liked=("bob", "dan", "alice", "erin"),
        boosted=("dan",),
    ),
    Post(
        "bread-seals",
        "alice",
        "Rye bread from @bob on a wet skerry, 212 witnesses. No complaints. #bread #ocean",
        liked=("bob", "grace", "carol"),
        boosted=("bob",),
    ),
)
