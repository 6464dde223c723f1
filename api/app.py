"""The ASGI application: one stack of plain ASGI middleware around the routes, state on `app.state`.

From outside in: request id, admission, metrics (edge) -> security headers and CORS -> rate limits ->
dispatch -> (errors -> router). None of it is Starlette's BaseHTTPMiddleware, which costs a task and a queue
per request.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from api import problems
from api.actions import housekeeping
from api.context import Context
from api.dispatch import Dispatch
from api.edge import Edge
from api.limits import RateLimits
from api.routes import (
    accounts,
    apps,
    authorize,
    bench,
    discovery,
    instance,
    lists,
    markers,
    media,
    notifications,
    oauth,
    ops,
    pages,
    quiet,
    reactions,
    relations,
    search,
    statuses,
    timelines,
)
from api.security import SecurityHeaders
from cluster.errors import SocialFlowError
from cluster.version import VERSION

# Routing tries routes in order, so the busiest come first.
ROUTERS = (
    timelines,
    statuses,
    accounts,
    notifications,
    reactions,
    relations,
    media,
    search,
    lists,
    markers,
    instance,
    apps,
    oauth,
    authorize,
    discovery,
    pages,
    quiet,
    ops,
)


def create_app(context: Context, *, echo_request_id: bool = True) -> FastAPI:
    """The API over `context`; opens and closes it with the ASGI lifespan."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await context.open()
        cleaning = asyncio.create_task(housekeeping.run(context))
        yield
        cleaning.cancel()
        await context.close()

    modules = (bench, *ROUTERS) if context.settings.bench.static_route else ROUTERS
    app = FastAPI(
        title="Social Flow",
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # the reference page is ours: no scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Edge, requests_max=context.settings.web.requests_max, echo_id=echo_request_id),
            Middleware(SecurityHeaders, context=context),
            Middleware(RateLimits, context=context),
            Middleware(Dispatch, routes=[route for module in modules for route in module.router.routes]),
        ],
    )
    app.state.context = context
    for kind in (SocialFlowError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, problems.answer_error)
    for module in modules:
        app.include_router(module.router)
    return app
