"""``/approve``: a browser that is a registered device shows what it is asked, and answers.

The key lives in the browser (WebCrypto, not extractable), so this one page needs JavaScript; who
has none approves in another app, or types the code of the message.
"""

from flask import Blueprint, Response

from api.web.kit import PageKit


def blueprint(kit: PageKit) -> Blueprint:
    """Nothing is told here without the device's proof: the page asks ``/api/v1/approvals``."""
    door = kit.guard(Blueprint("approval", __name__, url_prefix="/approve"))

    @door.get("/")
    def pending() -> Response:
        return kit.render("approve.html", transaction="")

    @door.get("/<uuid:transaction>")
    def one(transaction: object) -> Response:
        return kit.render("approve.html", transaction=str(transaction))

    return door
