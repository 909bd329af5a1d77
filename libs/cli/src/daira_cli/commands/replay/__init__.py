"""`daira replay dump | run | diff`; each is imported when it is asked for, since a run brings a whole service along."""

from cyclopts import App

HERE = "daira_cli.commands.replay"

app = App(name="replay", help="Take records out of topics, run them through a service's own code, compare.")
app.command(f"{HERE}.dump:dump", name="dump", help="Records of topics in a file, with a manifest; people are hidden.")
app.command(f"{HERE}.run:run_", name="run", help="A dump through one service's own handlers, on a throw-away database.")
app.command(f"{HERE}.diff:diff", name="diff", help="Two outcomes of a run compared: a dump as a regression test.")
