"""One file a command or group of commands: `app = App(name=…)`. They parse and print; the work is in other rooms."""

COMMANDS = {
    "doctor": "Ask everything one asks first: what is down, late, behind, different or stuck.",
    "contracts": "What the services tell each other, and whether a change of it breaks somebody.",
    "topics": "Bring a broker in line with the contracts: create and configure, never delete.",
    "groups": "Who reads, how far behind, and a consumer group put to another place.",
    "dlq": "What could not be handled: grouped, shown, redriven, discarded.",
    "trace": "The causal tree of one event, request or error code across topics.",
    "replay": "Records of a topic in a file; a service's consumer on a throw-away database; two outcomes compared.",
    "rebuild": "A projection made anew from its topics while readers are served.",
    "migrate": "The databases' schema: what is pending, and bringing it up to date.",
    "config": "Every setting of a service, where its value comes from, and what it means.",
}
"""Name → one line of help, so that `daira --help` imports none of them. In the order a person needs them."""
