"""The server: which address is answered by what. Work is done in threads, so that no request waits for another's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from workings.errors import InputError, WorkingsError
from workings.lab.answers import Answers
from workings.lab.asked import Asker, Query
from workings.lab.comparing import continuations
from workings.lab.features import sae_of
from workings.lab.guard import Guard
from workings.lab.heads import Heads
from workings.lab.knocking_out import knocked_out
from workings.lab.lens import tuned_of
from workings.lab.places import place
from workings.lab.reasons import Reasons
from workings.lab.refusals import TooMuch, status_of
from workings.lab.replies import Json, file, numbers, problem
from workings.lab.static import PAGE, page_file
from workings.lab.sweeps import Sweeping, Sweeps
from workings.lab.views import TABLE_BYTES, Views
from workings.lab.work import Work
from workings.lab.workbook import Workbook
from workings.lab.writing import Writing

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from workings.anatomy.tuned_lens import TunedLens
    from workings.checkpoints.model import Model
    from workings.checkpoints.sparse_autoencoder import SparseAutoencoder

MOST_BYTES = 4 << 20
"""The longest body of a request."""

LONG = ("lens", "heads", "attribution", "knockout", "patching/cell", "continuations", "export.xlsx", "report.html")
MOST_LONG = 4
"""So many of the long ones are worked on at once: threads are left for what is answered at once, and for files of the page."""
ALONE = ("steer/smallest",)
"""What searches for seconds, holding no view's lock, is worked on one at a time."""

Handler = Callable[[Query], Response]


def make_app(
    model: Model,
    port: int,
    token: str,
    prompt: str = "",
    page: Path = PAGE,
    table_bytes: int = TABLE_BYTES,
    sae: SparseAutoencoder | None = None,
    tuned: TunedLens | None = None,
    work: Work | None = None,
) -> ASGIApp:
    """The lab of a model as an ASGI app, for a server on this port that gave out this token.

    `sae` is the sparse autoencoder whose features are shown, `tuned` the tuned lens that it is read with; else those that
    come with the model, if they do. `work` is for whoever wants to end it when the lab closes. Raises `InputError` for
    an autoencoder or a lens of another model.
    """
    sae = sae_of(model, sae)
    answers = Answers(model, Views(model, table_bytes, sae, tuned_of(model, tuned)), prompt, sae)
    return Guard(_Server(answers, page, work or Work()).app(), port, token)


class _Server:
    """The routes, and the threads that work."""

    def __init__(self, answers: Answers, page: Path, work: Work) -> None:
        self.answers, self.page, self.work = answers, page, work
        self.reasons, self.sweeps, self.heads = Reasons(answers), Sweeps(answers), Heads(answers.views)

    def app(self) -> Starlette:
        turns = dict.fromkeys(LONG, asyncio.Semaphore(MOST_LONG)) | {name: asyncio.Semaphore(1) for name in ALONE}
        routes = [
            Route(f"/api/{name}", self._in_thread(handler, turns.get(name)))
            for name, handler in self._handlers().items()
        ]
        routes += [
            Route("/api/view", self._open, methods=["POST"]),
            Route("/api/write", self._write),
            Route("/api/patching", self._patching),
            Route("/{path:path}", self._static),
        ]
        problems = {
            WorkingsError: _told,
            HTTPException: _http,
            MemoryError: _no_memory,
            ClientDisconnect: _hung_up,
            Exception: _mistake,
        }
        return Starlette(routes=routes, lifespan=self._life, exception_handlers=problems)

    def _handlers(self) -> dict[str, Handler]:
        """What is answered to a question, by its address."""
        a = self.answers
        json = {
            "model": lambda _: a.model_document(),
            "range": a.range,
            "explain": a.explain,
            "formula": a.formula,
            "labels": a.labels,
            "lens": a.lenses.table,
            "lens/cell": a.lenses.cell,
            "merges": a.merges,
            "find": a.find,
            "place": lambda query: place(a, query),
            "heads": self.heads.document,
            "looks": self.heads.looks,
            "knockout": lambda query: knocked_out(a.views, query),
            "attribution": self.reasons.attribution,
            "patching/cell": self.sweeps.cell,
            "features": a.features.find,
            "features/card": a.features.card,
            "features/firing": a.features.firing,
            "features/strengths": a.features.strengths,
            "steer": a.steering.edit,
            "steer/smallest": a.steering.smallest,
            "continuations": lambda query: continuations(a.views, query),
        }
        handlers: dict[str, Handler] = {name: _as_json(answer) for name, answer in json.items()}
        handlers |= {
            "tile": lambda query: _tile(a.tile(query)),
            "changed": lambda query: _tile(a.tile(query, edited=False)),
            "attention": lambda query: _attention(a.attention(query)),
            "edits.json": lambda query: file(a.edits_file(query), "edits.json", "application/json"),
            "export.xlsx": lambda query: _workbook(a, query),
            "report.html": lambda query: _report(a, query),
        }
        return handlers

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        yield
        self.work.threads.shutdown(wait=False, cancel_futures=True)

    async def _run_while_asked(
        self, request: Request, work: Callable[[Asker], Any], turns: asyncio.Semaphore | None = None
    ) -> Any:
        """Work in a thread, which is told when whoever asked has gone; with `turns` no thread is taken before it is its turn."""
        asker = self.work.asker()
        watching = asyncio.create_task(_watch(request, asker))
        try:
            async with turns or nullcontext():
                return await self.work.begin(work, asker)
        finally:
            watching.cancel()

    def _in_thread(self, handler: Handler, turns: asyncio.Semaphore | None = None) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            def work(asker: Asker) -> Response:
                asker.check()  # it may have waited long for a thread
                return handler(Query(request.query_params, asker))

            return await self._run_while_asked(request, work, turns)

        return endpoint

    async def _static(self, request: Request) -> Response:
        return await self.work.begin(page_file, self.page, request)

    async def _open(self, request: Request) -> Response:
        given = await _document(request)
        return Json(await self._run_while_asked(request, lambda asker: self.answers.open(given, asker)))

    def _query(self, request: Request) -> Query:
        return Query(request.query_params, self.work.asker())

    async def _write(self, request: Request) -> Response:
        writing = await self.work.begin(Writing, self.answers, self._query(request))
        return StreamingResponse(self._events(writing), media_type="text/event-stream")

    async def _events(self, writing: Writing) -> AsyncIterator[bytes]:
        """One event for every token; when the page goes away, Starlette ends this."""
        try:
            while (token := await self.work.begin(writing.next)) is not None:
                yield _event("message", token)
        except WorkingsError as error:
            yield _event("failed", {"error": str(error), "kind": status_of(error)[1]})
            return
        yield _event("done", {"stopped": writing.stopped})

    async def _patching(self, request: Request) -> Response:
        sweeping = await self.work.begin(Sweeping, self.sweeps, self._query(request))
        return StreamingResponse(self._swept(sweeping), media_type="text/event-stream")

    async def _swept(self, sweeping: Sweeping) -> AsyncIterator[bytes]:
        """How far a sweep is, then its result; when the page goes away, Starlette ends this, and this the sweep."""
        loop, told = asyncio.get_running_loop(), asyncio.Queue[tuple[str, Any]]()

        def tell(kind: str, data: Any) -> None:
            loop.call_soon_threadsafe(told.put_nowait, (kind, data))

        work = self.work.begin(sweeping.run, tell)
        try:
            kind = "message"
            while kind == "message":
                kind, data = await told.get()
                yield _event(kind, data)
            await work
        finally:
            sweeping.asker.gone = True


def _event(kind: str, data: Any) -> bytes:
    """A server-sent event; a plain message is not named."""
    name = b"" if kind == "message" else f"event: {kind}\n".encode()
    return name + b"data: " + orjson.dumps(data) + b"\n\n"


async def _watch(request: Request, asker: Asker) -> None:
    """Wait for whoever asked to hang up; a question that was read to its end has nothing else to say."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    asker.gone = True


def _as_json(answer: Callable[[Query], Any]) -> Handler:
    return lambda query: Json(answer(query))


def _tile(array: Any) -> Response:
    return numbers(array, rows=array.shape[0], columns=array.shape[1])


def _attention(array: Any) -> Response:
    return numbers(array, heads=array.shape[0], positions=array.shape[1])


def _workbook(answers: Answers, query: Query) -> Response:
    workbook = Workbook(answers, query)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in Path(answers.model.name).name) or "model"
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Content-Length": str(workbook.size)}
    return StreamingResponse(workbook, media_type=kind, headers=headers)


def _report(answers: Answers, query: Query) -> Response:
    from workings.lab.report import report

    view, asked = answers.views.view(query.text("view")), answers.lenses.asked(query)
    return file(
        report(answers, view, asked, query.asker).encode(),
        "report.html",
        "text/html; charset=utf-8",
    )


async def _document(request: Request) -> Any:
    """The JSON of a request's body, of at most `MOST_BYTES`."""
    body = bytearray()
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and len(declared) < 19 and int(declared) <= MOST_BYTES:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                break
        else:
            try:
                return orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise InputError(f"the request is not JSON: {error}") from None
    raise TooMuch(f"a request has at most {MOST_BYTES:,} bytes")


# Problems -------------------------------------------------------------------------------------------------------------


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, WorkingsError)
    status, kind = status_of(error)
    return problem(status, kind, str(error))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "there is nothing at this address", 405: "this address is asked in another way"}
    return problem(error.status_code, "input", said.get(error.status_code, str(error.detail)))


async def _no_memory(_: Request, error: Exception) -> Response:
    return problem(413, "limit", "this needs more memory than there is; a shorter prompt needs less")


async def _hung_up(_: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _mistake(request: Request, error: Exception) -> Response:
    logging.getLogger("uvicorn.error").error("A mistake in the lab at %s", request.url.path, exc_info=error)
    return problem(
        500,
        "input",
        f"the lab made a mistake ({type(error).__name__}); what happened stands in the window where it was started",
    )
