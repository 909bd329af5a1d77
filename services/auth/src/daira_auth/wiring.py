"""The only place where auth builds objects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

import httpx
import msgspec
from limits.aio.storage import RedisClusterStorage, RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from litestar.types import ControllerRouterHandler

from daira_auth.adapters.ports import CodeSender, FlashCalls
from daira_auth.adapters.sinch import SinchCallbacks, SinchFlashCalls
from daira_auth.adapters.sms import SmsCodes
from daira_auth.adapters.whatsapp import WhatsAppCallbacks, WhatsAppCodes
from daira_auth.domain.challenge import Channel
from daira_auth.domain.secrets import derive
from daira_auth.jobs import JOBS, begin
from daira_auth.repository.budgets import Budgets
from daira_auth.repository.exports import SECTIONS
from daira_auth.routes import EXAMPLES, ROUTES
from daira_auth.service import AuthService
from daira_auth.service.account import AccountService
from daira_auth.service.delivery import Delivery
from daira_auth.service.keys import KeyKeeper
from daira_auth.service.login import LoginRules, LoginService
from daira_auth.service.mint import Mint
from daira_auth.service.receipts import Receipts
from daira_auth.service.sessions import SessionService
from daira_auth.service.staff import StaffService
from daira_auth.service.upkeep import Upkeep
from daira_auth.settings import Settings
from daira_contracts.auth import ExportPartWrittenV1
from daira_kit.clock import now
from daira_kit.cursors import CursorCodec
from daira_kit.errors import Unavailable
from daira_runtime import Export, Parts, Platform, Service
from daira_stores.objects import JsonParts, open_objects
from daira_stores.postgres import Database, open_database
from daira_stores.redis import AnyRedis, open_redis, reconnecting, steady
from daira_stores.sections import read_sections

PROVIDER_SECONDS = 5.0
REDIS_SECONDS = 2.0


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls and messages, with what comes along: the sandbox brings its routes and inbox."""

    calls: FlashCalls
    senders: dict[Channel, CodeSender]
    routes: tuple[ControllerRouterHandler, ...] = ()
    dependencies: dict[str, object] = {}


@asynccontextmanager
async def build(settings: Settings, platform: Platform) -> AsyncIterator[Parts]:
    """Everything of one auth process."""
    async with (
        open_redis(settings.redis_url, timeout=REDIS_SECONDS) as redis,
        open_limit_storage(settings.redis_url, f"{settings.topic_prefix}auth:limits") as storage,
        open_providers(settings) as providers,
    ):
        budgets = Budgets(
            redis, storage, settings.profile, derive(settings.secret, "limits"), f"{settings.topic_prefix}auth:"
        )
        auth = assemble(settings, platform.database, budgets, providers)
        with suppress(Unavailable):  # without PostgreSQL the first log-in makes the first key
            await auth.keys.tend()

        async def start_rounds(stop: asyncio.Event) -> None:
            while not stop.is_set():
                with suppress(Unavailable):
                    await begin(auth)
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1)

        objects = open_objects(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)
        yield Parts(
            target=auth,
            routes=(*ROUTES, *providers.routes),
            examples=EXAMPLES,
            dependencies={"auth": auth, "settings": settings, **providers.dependencies},
            jobs=JOBS,
            optional={"redis": lambda: _ping(redis)},
            tasks=(start_rounds,),
            export=Export(
                told=ExportPartWrittenV1,
                collect=partial(read_sections, platform.database, SECTIONS),
                put=JsonParts(objects).put,
            ),
        )


def assemble(
    settings: Settings,
    database: Database,
    budgets: Budgets,
    providers: Providers,
    clock: Callable[[], datetime] = now,
) -> AuthService:
    """The service over given stores and providers; tests bring their own clock."""
    keys = _keys(settings, database, clock)
    mint = _mint(settings, keys, clock)
    logins = LoginService(
        database,
        budgets,
        Delivery(budgets, providers.calls, providers.senders, settings.costs),
        mint,
        chosen=_login_rules(settings),
        code_secret=derive(settings.secret, "codes"),
        clock=clock,
    )
    return AuthService(
        logins=logins,
        receipts=Receipts(
            database,
            logins,
            WhatsAppCallbacks(
                settings.whatsapp_app_secret, settings.whatsapp_verify_token, settings.whatsapp_phone_number_id
            ),
            SinchCallbacks(settings.sinch_key, settings.sinch_secret, clock),
            clock,
        ),
        sessions=SessionService(database, budgets, mint, CursorCodec(settings.cursor_secret), clock),
        account=AccountService(
            database,
            mint,
            grace=timedelta(days=settings.grace_days),
            fresh=timedelta(minutes=settings.fresh_minutes),
            clock=clock,
        ),
        keys=keys,
        staff=_staff(settings, database, mint, clock),
        upkeep=Upkeep(database, clock),
    )


@asynccontextmanager
async def open_limit_storage(url: str, prefix: str) -> AsyncIterator[RedisStorage]:
    """Counters of the `limits` library on one node or a cluster."""
    is_cluster = url.startswith("redis+cluster://")
    kind = RedisClusterStorage if is_cluster else RedisStorage
    storage = kind(
        f"async+{url}",
        implementation="redispy",
        key_prefix=prefix,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        **(steady() if is_cluster else reconnecting()),
    )
    try:
        yield storage
    finally:
        if isinstance(storage.bridge, RedispyBridge):
            await storage.bridge.storage.aclose()


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Sandbox providers, or the real ones over one HTTP client without redirects."""
    if settings.uses_sandbox:
        yield sandbox_providers(settings)
        return
    async with httpx.AsyncClient(timeout=PROVIDER_SECONDS, follow_redirects=False) as client:
        yield Providers(
            calls=SinchFlashCalls(client, settings.sinch_key, settings.sinch_secret, settings.sinch_url, now),
            senders={
                Channel.WHATSAPP_OTP: WhatsAppCodes(
                    client,
                    settings.whatsapp_token,
                    settings.whatsapp_phone_number_id,
                    settings.whatsapp_template,
                    settings.whatsapp_url,
                ),
                Channel.SMS_OTP: SmsCodes(
                    client,
                    settings.sms_token,
                    settings.sms_service_plan,
                    settings.sms_sender,
                    settings.sms_url,
                ),
            },
        )


def sandbox_providers(settings: Settings) -> Providers:
    """Refuses outside dev and off loopback; the distribution is absent from images, so it is imported only here."""
    from daira_sandbox.inbox import open_inbox
    from daira_sandbox.phones import SandboxCodes, SandboxFlashCalls
    from daira_sandbox.routes import read_messages

    inbox = open_inbox(settings.env, settings.host)
    return Providers(
        calls=SandboxFlashCalls(inbox),
        senders={channel: SandboxCodes(inbox, channel.value) for channel in (Channel.WHATSAPP_OTP, Channel.SMS_OTP)},
        routes=(read_messages,),
        dependencies={"sandbox": inbox},
    )


@asynccontextmanager
async def open_staff(settings: Settings) -> AsyncIterator[StaffService]:
    """Staff roles on the service's database, for the command line: no Redis, no providers, no listener."""
    async with open_database(settings.postgres_dsn, "auth", size=1) as database:
        yield _staff(settings, database, _mint(settings, _keys(settings, database, now), now), now)


def _keys(settings: Settings, database: Database, clock: Callable[[], datetime]) -> KeyKeeper:
    return KeyKeeper(
        database,
        root_private_key=settings.root_private_key,
        seal_key=derive(settings.secret, "signing keys"),
        key_life=timedelta(days=settings.key_days),
        token_life=settings.access_life,
        clock=clock,
    )


def _mint(settings: Settings, keys: KeyKeeper, clock: Callable[[], datetime]) -> Mint:
    return Mint(
        keys,
        issuer=settings.token_issuer,
        access_life=settings.access_life,
        session_life=settings.session_life,
        clock=clock,
    )


def _staff(settings: Settings, database: Database, mint: Mint, clock: Callable[[], datetime]) -> StaffService:
    return StaffService(
        database, mint, region=settings.default_region, country_codes=settings.served_countries, clock=clock
    )


def _login_rules(settings: Settings) -> LoginRules:
    return LoginRules(
        region=settings.default_region,
        country_codes=settings.served_countries,
        challenge_life=timedelta(minutes=settings.challenge_minutes),
        resend_seconds=settings.profile.resend_seconds,
    )


async def _ping(redis: AnyRedis) -> None:
    await redis.ping()


SERVICE = Service("auth", Settings, build)
