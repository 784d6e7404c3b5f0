"""The run query language: text → a tree of terms, or one sentence on what is wrong and where."""

import re
from dataclasses import dataclass
from typing import Final

_DEEPEST: Final = 60
_LONGEST: Final = 2000
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>"[^"]*"|'[^']*')
      | (?P<open>\()
      | (?P<close>\))
      | (?P<or>\|\|?)
      | (?P<and>&&?)
      | (?P<operator>>=|<=|==|!=|=|>|<|:)
      | (?P<call>(?:best|last|min|max)\([^()\s]+\))
      | (?P<word>[^\s"'()|&<>=!:]+|!(?!=))
    """,
    re.VERBOSE,
)
_NEGATED: Final = re.compile(r"[-!](?=\S)")


class QueryError(Exception):
    """A query that says nothing yet.

    Args:
        message: What is wrong, in a few words.
        position: Where, counted from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        self.message = message
        self.position = position
        super().__init__(f"{message} (at {position + 1})")


@dataclass(frozen=True)
class Word:
    """A text that is looked for in names."""

    text: str


@dataclass(frozen=True)
class Compare:
    """A field, an operator, a value."""

    field: str
    operator: str
    value: str
    position: int
    """Of the field in the query."""
    function: str = ""
    """best, last, min or max of a metric; empty for the field itself."""


@dataclass(frozen=True)
class Not:
    """What must not hold."""

    term: "Term"


@dataclass(frozen=True)
class All:
    """What must hold together."""

    terms: "tuple[Term, ...]"


@dataclass(frozen=True)
class AnyOf:
    """What must hold in part."""

    terms: "tuple[Term, ...]"


Term = Word | Compare | Not | All | AnyOf


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int
    is_glued: bool
    """Whether nothing stands between it and the token before."""


def parse_query(text: str) -> Term | None:
    """What a query says; None where it says nothing.

    Raises:
        QueryError: It cannot be understood.
    """
    if len(text) > _LONGEST:
        raise QueryError(f"a query has at most {_LONGEST:,} characters", _LONGEST)
    tokens = _tokens(text)
    if not tokens:
        return None
    parser = _Parser(tokens, len(text))
    term = parser.any_of(0)
    if (left := parser.peek()) is not None:
        raise QueryError("nothing is open here to be closed", left.position)
    return term


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, is_glued = 0, False
    while position < len(text):
        negated = _NEGATED.match(text, position)
        if negated is not None and not is_glued and text[position : position + 2] != "!=":
            tokens.append(_Token("not", negated[0], position, is_glued=False))
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            if text[position] in "\"'":
                raise QueryError("the quotation mark is not closed", position)
            raise QueryError(f"{text[position]!r} means nothing here", position)
        kind = str(match.lastgroup)
        if kind == "space":
            is_glued = False
        else:
            word = match[0]
            if word in ("-", "!"):
                raise QueryError(f"what is not wanted is missing after {word}", position)
            if kind == "word" and not is_glued and word in ("OR", "AND", "NOT"):
                kind = word.lower()
            tokens.append(_Token(kind, word, position, is_glued))
            is_glued = kind not in ("open", "or", "and", "not")
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._place = 0
        self._end = end

    def peek(self, ahead: int = 0) -> _Token | None:
        """The next token, or one after it."""
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def any_of(self, depth: int) -> Term:
        """Terms between OR."""
        terms = [self._all(depth)]
        while (token := self.peek()) is not None and token.kind == "or":
            self._place += 1
            terms.append(self._all(depth))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _all(self, depth: int) -> Term:
        terms = [self._unary(depth)]
        while (token := self.peek()) is not None and token.kind not in ("or", "close"):
            if token.kind == "and":
                self._place += 1
            terms.append(self._unary(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _unary(self, depth: int) -> Term:
        if depth > _DEEPEST:
            raise QueryError("that is too deeply nested", self._position())
        token = self.peek()
        if token is None:
            raise QueryError("something to look for is missing", self._end)
        if token.kind == "not":
            self._place += 1
            return Not(self._unary(depth + 1))
        if token.kind == "open":
            self._place += 1
            term = self.any_of(depth + 1)
            closing = self.peek()
            if closing is None or closing.kind != "close":
                raise QueryError("the parenthesis is not closed", token.position)
            self._place += 1
            return term
        if token.kind in ("word", "quoted", "call"):
            return self._term(token)
        if token.kind == "operator":
            raise QueryError(f"a name is missing before {token.text}", token.position)
        if token.kind == "close":
            raise QueryError("something to look for is missing", token.position)
        raise QueryError(f"something to look for is missing before {token.text}", token.position)

    def _term(self, token: _Token) -> Term:
        self._place += 1
        operator = self.peek()
        if operator is None or operator.kind != "operator":
            if token.kind == "call":
                raise QueryError(f"a comparison is missing after {token.text}", token.position)
            return Word(_unquoted(token))
        self._place += 1
        value = self.peek()
        sign = ""
        if value is not None and value.kind == "not" and value.text == "-":
            sign, self._place = "-", self._place + 1
            value = self.peek()
        if value is None or value.kind not in ("word", "quoted", "or", "and", "not"):
            raise QueryError(
                f"a value is missing after {operator.text}",
                self._position() if value else self._end,
            )
        if value.kind in ("or", "and", "not") and not value.text.isalpha():
            raise QueryError(f"a value is missing after {operator.text}", value.position)
        text = sign + self._joined()
        if token.kind == "call":
            function, _, field = token.text.removesuffix(")").partition("(")
            return Compare(field, operator.text, text, token.position, function)
        return Compare(_unquoted(token), operator.text, text, token.position)

    def _joined(self) -> str:
        """A value, with what stands right behind it: `created>2026-11-01T10:30`."""
        token = self.peek()
        assert token is not None
        text = _unquoted(token)
        self._place += 1
        while (token := self.peek()) is not None and token.is_glued:
            if token.kind not in ("word", "quoted") and token.text != ":":
                break
            text += _unquoted(token)
            self._place += 1
        return text

    def _position(self) -> int:
        token = self.peek()
        return self._end if token is None else token.position


def _unquoted(token: _Token) -> str:
    return token.text[1:-1] if token.kind == "quoted" else token.text
