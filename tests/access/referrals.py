"""Access matrix of referrals and partners. Partners belong to the whole organization, referrals do not."""

from accounts.permissions import Permission as P
from tests.access import Row


def of_referral(world):
    return {"pk": world.referral.pk}


def of_partner(world):
    return {"pk": world.partner.pk}


def of_inquiry(world):
    return {"pk": world.inquiry.pk}


KEY = {"idempotency_key": "crawl-key"}

ROWS = {
    "referrals:list": Row(P.VIEW_PEOPLE),
    "referrals:referral": Row(P.VIEW_PEOPLE, args=of_referral),
    "referrals:move": Row(P.REFER, ("post",), args=of_referral, data=lambda w: {"to": "seen", "version": 1}),
    "referrals:send": Row(P.REFER, ("post",), args=of_referral),
    "referrals:partners": Row(P.VIEW_PEOPLE),
    "referrals:partner_new": Row(P.REFER, ("get", "post"), data=lambda w: KEY),
    "referrals:partner": Row(P.VIEW_PEOPLE, args=of_partner, is_shared=True),
    "referrals:partner_edit": Row(P.REFER, ("get", "post"), args=of_partner, is_shared=True),
    "referrals:contact_new": Row(P.REFER, ("get", "post"), args=of_partner, data=lambda w: KEY, is_shared=True),
    "admissions:receive_referral": Row(P.REFER, ("get", "post"), data=lambda w: KEY),
    "admissions:refer_out": Row(P.REFER, ("get", "post"), args=of_inquiry, data=lambda w: KEY),
    "admissions:tell_referrer": Row(
        P.REFER, ("get", "post"), args=of_inquiry, data=lambda w: KEY | {"what": "admitted", "how": "phone"}
    ),
}
