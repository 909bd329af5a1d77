"""What can go wrong with a stack, said in one line a person can act on."""


class StackError(Exception):
    """The stack cannot do what was asked."""


class MissingTool(StackError):
    """A program the stack needs is not on the PATH."""
