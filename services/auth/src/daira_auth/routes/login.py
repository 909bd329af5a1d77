"""Logging in by phone."""

from uuid import UUID

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from daira_auth.domain.challenge import Challenge, Device
from daira_auth.domain.limits import Caller
from daira_auth.domain.texts import TEXTS, language, sandbox_hint
from daira_auth.errors import (
    ChallengeNotFound,
    ChallengeSpent,
    ChannelFailed,
    ChannelsExhausted,
    CountryNotServed,
    FallbackTooEarly,
    OtpInvalid,
    PhoneInvalid,
    SendLimitReached,
)
from daira_auth.repository.budgets import BudgetsUnavailable
from daira_auth.routes.examples import LOGGED_IN, LOGGING_IN
from daira_auth.routes.origin import AnyRequest, address_of
from daira_auth.schemas import LoginAnswer, LoginBody, TokenAnswer, VerifyBody
from daira_auth.service import AuthService
from daira_auth.service.mint import Tokens
from daira_auth.settings import Settings
from daira_web.answers import problems
from daira_web.guards import PUBLIC

TAGS = ["auth"]


@post(
    "/v1/auth/login",
    operation_id="LogIn",
    responses={
        **LOGGING_IN,
        **problems(PhoneInvalid, CountryNotServed, SendLimitReached, ChannelFailed, BudgetsUnavailable),
    },
    summary="Ask for a call or a code",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def log_in(
    data: JSONBody[LoginBody],
    request: AnyRequest,
    auth: NamedDependency[AuthService],
    settings: NamedDependency[Settings],
) -> LoginAnswer:
    caller = Caller(address=address_of(request, settings.proxy_hops), device_id=data.device.id)
    device = Device(
        id=data.device.id,
        platform=data.device.platform,
        can_read_caller_id=data.device.can_read_caller_id,
    )
    locale = language(request.headers.get("accept-language", ""))
    return _answer(await auth.logins.start(data.phone_number, device, caller, locale), settings)


@post(
    "/v1/auth/login/{session_id:uuid}/fallback",
    operation_id="FallBack",
    responses={
        **LOGGING_IN,
        **problems(
            ChallengeNotFound,
            ChallengeSpent,
            ChannelsExhausted,
            FallbackTooEarly,
            SendLimitReached,
            ChannelFailed,
            BudgetsUnavailable,
        ),
    },
    summary="Send a code over the next channel",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def fall_back(
    session_id: FromPath[UUID],
    request: AnyRequest,
    auth: NamedDependency[AuthService],
    settings: NamedDependency[Settings],
) -> LoginAnswer:
    caller = Caller(address=address_of(request, settings.proxy_hops))
    return _answer(await auth.logins.fall_back(session_id, caller), settings)


@post(
    "/v1/auth/verify",
    operation_id="Verify",
    responses={
        **LOGGED_IN,
        **problems(OtpInvalid, ChallengeNotFound, ChallengeSpent, SendLimitReached, ChannelFailed, BudgetsUnavailable),
    },
    summary="Exchange the code for tokens",
    status_code=200,
    opt=PUBLIC,
    tags=TAGS,
)
async def verify(
    data: JSONBody[VerifyBody],
    request: AnyRequest,
    auth: NamedDependency[AuthService],
    settings: NamedDependency[Settings],
) -> TokenAnswer:
    caller = Caller(address=address_of(request, settings.proxy_hops))
    return token_answer(await auth.logins.verify(data.session_id, data.code, caller))


def token_answer(tokens: Tokens) -> TokenAnswer:
    """What a client reads of a pair."""
    return TokenAnswer(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        token_type="Bearer",  # noqa: S106
        expires_in=tokens.expires_in,
        user_id=tokens.user_id,
        is_new_user=tokens.is_new_user,
    )


def _answer(challenge: Challenge, settings: Settings) -> LoginAnswer:
    hint = sandbox_hint(challenge.phone) if settings.uses_sandbox else ""
    return LoginAnswer(
        session_id=challenge.id,
        method=challenge.channel.value,
        message=TEXTS[challenge.channel, challenge.locale] + hint,
        expires_at=challenge.expires_at,
        resend_after=round((challenge.resend_at - challenge.sent_at).total_seconds()),
    )
