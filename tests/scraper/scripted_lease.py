"""A lease without Redis."""


class ScriptedLease:
    """Does what a list says, one entry each time it is to be kept; free after that."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.is_given_up = False

    def keep(self):
        self.is_given_up = False
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer

    def give_up(self):
        self.is_given_up = True
