"""Questions of many requests that are answered by one call: what comes while a call is running waits for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

# About as long as it takes to find what is asked for.
_PATIENCE_S = 0.002
Group = TypeVar("Group", bound=Hashable)
Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gathered(Generic[Group, Question, Answer]):
    """Answers the questions of a group together; each answer comes from a call that began after it had been asked.

    `answer` gives for each question of a group, in order, what is answered or the error to raise; an error that it
    raises itself is every question's.
    """

    def __init__(self, answer: Callable[[Group, Sequence[Question]], Awaitable[Sequence[Answer | Exception]]]) -> None:
        self._answer = answer
        self._waiting: dict[Group, list[tuple[Question, asyncio.Future[Answer]]]] = {}
        self._running: dict[Group, asyncio.Task[None]] = {}
        self._enough: dict[Group, tuple[int, asyncio.Event]] = {}

    async def ask(self, group: Group, question: Question) -> Answer:
        """The answer to one question."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, []).append((question, answer))
        if group not in self._running:
            self._running[group] = asyncio.create_task(self._run(group))
        elif group in self._enough and len(self._waiting[group]) >= self._enough[group][0]:
            self._enough[group][1].set()
        return await answer

    async def _run(self, group: Group) -> None:
        try:
            while asked := self._waiting.pop(group, None):
                found = await self._found(group, [question for question, _ in asked])
                for (_, answer), one in zip(asked, found, strict=True):
                    _settle(answer, one)
                await self._let_in(group, len(asked))
        finally:
            del self._running[group]

    async def _let_in(self, group: Group, count: int) -> None:
        """Wait a moment for as many as were just answered: they ask again, and would wait for the first of them."""
        if len(self._waiting.get(group, ())) < count:
            self._enough[group] = count, asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._enough[group][1].wait()
            del self._enough[group]

    async def _found(self, group: Group, questions: list[Question]) -> Sequence[Answer | Exception]:
        try:
            return await self._answer(group, questions)
        except Exception as error:
            return [error] * len(questions)


def _settle(answer: asyncio.Future[Answer], found: Answer | Exception) -> None:
    if answer.done():
        # Whoever asked has gone.
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
