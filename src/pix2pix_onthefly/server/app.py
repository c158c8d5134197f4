"""The endpoint: addresses, keys, and the way from a request to an answer."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from .. import __version__
from ..editor import Editor
from .answers import model_entry, models_list, whole_answer
from .body_limit import BodyLimit
from .description import error_responses, page, request_body
from .edit_queue import EditQueue
from .forms import Wish, wish_of
from .metrics import Metrics
from .refusals import Refusal, refusal_of
from .serving import ClientGoneError, Service
from .settings import ServeOptions

_TITLE = "Pix2Pix-OnTheFly"
_HUNG_UP = 499  # as nginx logs a client that is gone
_MOST_FILES, _MOST_FIELDS = 20, 200
_SCHEME = HTTPBearer(auto_error=False)
_log = logging.getLogger(__name__)


def make_app(editor: Editor, options: ServeOptions, key: str | None = None) -> FastAPI:
    """The endpoint of an editor.

    Args:
        key: what callers must show; None lets everybody in.

    The queue is `app.state.queue`; it starts and ends with the app.
    """
    queue = EditQueue(editor.executor, longest=options.waiting, together=editor.settings.batch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        queue.start()
        yield
        await asyncio.to_thread(queue.close)

    app = FastAPI(title=_TITLE, version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.queue = queue
    app.add_middleware(BodyLimit, most_bytes=int(options.upload_limit * 1e6))
    if options.origins:
        app.add_middleware(CORSMiddleware, allow_origins=options.origins, allow_methods=["*"], allow_headers=["*"])
    _answer_errors(app)
    _add_open_addresses(app)
    _add_addresses(app, Service(editor, queue, options.time_limit), Metrics(queue), key)
    return app


def _answer_errors(app: FastAPI) -> None:
    """Every error in one form."""

    async def refused(_: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        return JSONResponse(refusal.content, refusal.status, refusal.headers)

    async def not_there(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = {404: f"there is nothing at {request.url.path}", 405: f"{request.url.path} takes no {request.method}"}
        message = words.get(error.status_code, str(error.detail))
        return await refused(request, Refusal(error.status_code, message, headers=error.headers))

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, not_there)
    app.add_exception_handler(Exception, refused)


def _add_open_addresses(app: FastAPI) -> None:
    """What needs no key."""

    async def health() -> dict[str, str]:
        """Whether the server takes requests."""
        return {"status": "ok", "version": __version__}

    async def docs() -> str:
        return page(_TITLE)

    app.add_api_route("/health", health)
    app.add_api_route("/docs", docs, response_class=HTMLResponse, include_in_schema=False)


def _add_addresses(app: FastAPI, service: Service, metrics: Metrics, key: str | None) -> None:
    """What needs the key, if there is one."""
    of, allowed = _Addresses(service, metrics), [Depends(_key_check(key))]
    app.add_api_route("/metrics", of.figures, dependencies=allowed, responses=error_responses(401))
    app.add_api_route("/v1/models", of.models, dependencies=allowed, responses=error_responses(401))
    app.add_api_route("/v1/models/{name}", of.model, dependencies=allowed, responses=error_responses(401, 404))
    app.add_api_route(
        "/v1/images/edits",
        of.edits,
        methods=["POST"],
        dependencies=allowed,
        openapi_extra=request_body(),
        responses=error_responses(400, 401, 404, 413, 429, 503, 504),
    )


class _Addresses:
    """What is answered at the addresses that need the key."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service, self._metrics = service, metrics
        self._family = service.editor.family_name

    async def figures(self) -> Response:
        """Figures for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def models(self) -> dict[str, Any]:
        """The model that edits."""
        return models_list(self._family)

    async def model(self, name: str) -> dict[str, Any]:
        """One model."""
        _check_model(name, self._family)
        return model_entry(self._family)

    async def edits(self, request: Request) -> Response:
        """Edit a picture as an instruction says."""
        started, status = time.monotonic(), 500
        try:
            answer = await _edited(request, self._service)
            status = answer.status_code
            return answer
        except ClientGoneError:
            status = _HUNG_UP
            return Response(status_code=_HUNG_UP)
        except Exception as error:
            refusal = refusal_of(error)
            status = refusal.status
            if status == 500:
                _log.exception("a request failed")
            raise refusal from error
        finally:
            self._metrics.requests.labels(status=str(status)).inc()
            self._metrics.seconds.observe(time.monotonic() - started)


async def _edited(request: Request, service: Service) -> Response:
    """The answer to a request for edits.

    Raises:
        Refusal, OnTheFlyError, HTTPException, ClientGoneError: why there is none.
    """
    try:
        async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as form:
            wish = await _wish(form, service.editor)
    except HTTPException as error:
        raise Refusal(400, f"the form cannot be read ({error.detail}); send multipart/form-data") from error
    if wish.stream:
        events = await service.events(wish, request)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    ticket = await asyncio.to_thread(service.submitted, wish)
    result = await service.result(ticket, request)
    return JSONResponse(await asyncio.to_thread(whole_answer, result, wish))


async def _wish(form: FormData, editor: Editor) -> Wish:
    """What a form asks for; decoding pictures keeps nobody else waiting.

    Raises:
        Refusal: something in it is missing or wrong.
    """
    fields: dict[str, list[str]] = {}
    files: dict[str, list[UploadFile]] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.setdefault(name.removesuffix("[]"), []).append(value)
        else:
            fields.setdefault(name, []).append(value)
    if model := fields.get("model"):
        _check_model(model[0], editor.family_name)
    if unknown := files.keys() - {"image", "mask"}:
        raise Refusal(400, f"there is no file {sorted(unknown)[0]!r}; send image and mask", param=sorted(unknown)[0])
    image = await _file(files, "image")
    if image is None:
        raise Refusal(400, "there is no image; send the picture's file as the field image", param="image")
    mask = await _file(files, "mask")
    return await asyncio.to_thread(wish_of, editor, fields, image, mask)


async def _file(files: dict[str, list[UploadFile]], name: str) -> bytes | None:
    """The bytes of a file of a form, if it is there.

    Raises:
        Refusal: there are several, or it is empty.
    """
    found = files.get(name, [])
    if len(found) > 1:
        raise Refusal(400, f"one {name} is edited at a time, and there are {len(found)}; send one", param=name)
    if not found:
        return None
    content = await found[0].read()
    if not content:
        raise Refusal(400, f"the {name} is empty (0 bytes); send a picture's file", param=name)
    return content


def _check_model(name: str, family: str) -> None:
    if name not in (family, ""):
        words = f"there is no model {name!r} here; leave model out, or give {family}"
        raise Refusal(404, words, param="model", code="model_not_found")


def _key_check(key: str | None) -> Any:
    """What lets in only those who show the key, whatever time a comparison takes."""
    if key is None:
        return lambda: None

    def check(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]) -> None:
        given = "" if shown is None else shown.credentials
        if not hmac.compare_digest(given.encode(), key.encode()):
            words = "the key is missing or wrong; send it as Authorization: Bearer KEY"
            headers = {"WWW-Authenticate": "Bearer"}
            raise Refusal(401, words, code="invalid_api_key", kind="authentication_error", headers=headers)

    return check
