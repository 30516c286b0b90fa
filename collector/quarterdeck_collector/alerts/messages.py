"""What somebody is told, in the words of each channel."""

from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import quote

from quarterdeck.amounts import amount
from quarterdeck_collector.alerts.channels import Channel
from quarterdeck_collector.alerts.machine import Event, What
from quarterdeck_collector.alerts.rules import Rule

Message = dict[str, Any]

_WORDS: Final = {What.FIRING: "FIRING", What.REMINDER: "STILL FIRING", What.RESOLVED: "RESOLVED"}
_SIGNS: Final = {
    What.FIRING: "\N{LARGE RED CIRCLE}",
    What.REMINDER: "\N{LARGE RED CIRCLE}",
    What.RESOLVED: "\N{LARGE GREEN CIRCLE}",
}


def condition(rule: Rule) -> str:
    """Say when a rule fires."""
    words = str(rule.comparison).replace("_", " ")
    if rule.comparison.unusual:
        return f"{words}: more than {rule.threshold:g} deviations from the usual"
    return f"{words} {amount(rule.threshold, rule.what.unit)}"


def window(seconds: int) -> str:
    """Write a window for people."""
    for name, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f"{count} {name}s" if count > 1 else name
    return f"{seconds} s"


def message(rule: Rule, event: Event, ui_url: str) -> Message:
    """Make what channels are given of an event.

    Args:
        rule: Of which rule.
        event: What has happened.
        ui_url: Dashboard to link to.
    """
    limits = {name: value for name, value in rule.scope if value}
    over = "" if rule.what.period else f" over the last {window(rule.window)}"
    text = f"{rule.what.title}{over}: {amount(event.value, rule.what.unit)}. It fires {condition(rule)}."
    more = [event.reason and f"{event.reason[:1].upper()}{event.reason[1:]}".rstrip(".") + "."]
    more.append(rule.note if event.what is not What.RESOLVED else "")
    return {
        "id": event.id,
        "status": "resolved" if event.what is What.RESOLVED else "firing",
        "reminder": event.what is What.REMINDER,
        "title": f"{_WORDS[event.what]}: {rule.name}",
        "text": "\n".join([text, *filter(None, more)]),
        "rule": {"id": rule.id, "name": rule.name, "measure": rule.measure, "severity": rule.severity},
        "incident": event.incident,
        "value": event.value,
        "threshold": rule.threshold,
        "unit": rule.what.unit,
        "scope": limits,
        "at": event.at,
        "url": f"{ui_url.rstrip('/')}/?view=alerts&rule={quote(rule.id)}",
    }


def trial(channel: Channel, now: float, ui_url: str) -> Message:
    """Make a message by which a channel can be tried."""
    return {
        "id": f"test-{int(now * 1000)}",
        "status": "test",
        "reminder": False,
        "title": f"TEST: {channel.name}",
        "text": "This is a test of a Quarterdeck alert channel: alerts arrive here.",
        "rule": {"id": "", "name": "test", "measure": "", "severity": "info"},
        "incident": 0,
        "value": None,
        "threshold": None,
        "unit": "",
        "scope": {},
        "at": now,
        "url": f"{ui_url.rstrip('/')}/?view=alerts",
    }


def for_slack(told: Message) -> dict[str, Any]:
    """Write a message as incoming webhooks of Slack, Mattermost and others take it."""
    sign = _SIGNS[What.RESOLVED] if told["status"] != "firing" else _SIGNS[What.FIRING]
    title, text = _slack_text(told["title"]), _slack_text(told["text"])
    link = f"<{told['url']}|Open in Quarterdeck>"
    return {
        "text": f"{sign} {title}",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{sign} *{title}*\n{text}"[:2900]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"{told['rule']['severity']} · {link}"}]},
        ],
    }


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_mail(told: Message, channel: Channel) -> EmailMessage:
    """Write a message as an e-mail; told again it has the same Message-ID."""
    assert channel.mail is not None  # noqa: S101 - channels of this kind have it
    mail = EmailMessage()
    mail["Subject"] = f"[Quarterdeck] {told['title']}"
    mail["From"], mail["To"] = channel.mail.sender, ", ".join(channel.mail.to)
    mail["Date"], mail["Message-ID"] = formatdate(told["at"]), f"<{told['id']}@alerts.quarterdeck>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{told['text']}\n\n{told['url']}\n")
    return mail
