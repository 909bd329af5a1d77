"""Phone numbers: one spelling for each, and the groups of numbers that limits look at."""

from collections.abc import Collection
from ipaddress import ip_address, ip_network

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from daira_auth.errors import CountryNotServed, PhoneInvalid

MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
LONGEST = 32
BLOCK_DIGITS = 4
OPERATOR_DIGITS = 2
NO_MOBILE = [{"field": "phoneNumber", "message": "not a mobile number"}]


def normalise(raw: str, region: str, country_codes: Collection[int]) -> str:
    """E.164 of a mobile number; `region` (ISO 3166) is assumed for numbers without a country code.

    Raises PhoneInvalid, and CountryNotServed for a good number whose country code is not in `country_codes`.
    Premium-rate and fixed lines are refused: the first earn money from pumping, the second hear no message.
    """
    if len(raw) > LONGEST:
        raise PhoneInvalid(errors=NO_MOBILE)
    try:
        number = phonenumbers.parse(raw, region)
    except NumberParseException as error:
        raise PhoneInvalid(errors=NO_MOBILE) from error
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE:
        raise PhoneInvalid(errors=NO_MOBILE)
    if number.country_code not in country_codes:
        raise CountryNotServed(errors=[{"field": "phoneNumber", "message": "country not served"}])
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def operator_prefix(phone: str) -> str:
    """Country code and the first two national digits: in Egypt the operator, e.g. `+2010`."""
    code = phonenumbers.parse(phone).country_code
    return phone[: 1 + len(str(code)) + OPERATOR_DIGITS]


def number_block(phone: str) -> str:
    """The ten thousand neighbours of a number: pumping walks through rented blocks."""
    return phone[:-BLOCK_DIGITS]


def caller_id(reported: str, region: str) -> str:
    """The caller's number as a provider compares it: handsets report the national or the international form."""
    try:
        number = phonenumbers.parse(reported, region)
    except NumberParseException:
        return reported
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def network_of(address: str) -> str:
    """The /24 of an IPv4 address or the /48 of an IPv6 one; other text (no address known) is its own network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))
