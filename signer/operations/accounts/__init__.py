"""Citizens' accounts: registration, enrolment, PINs, recovery, suspension, closing."""

from signer.operations.accounts.codes import AccountCodes
from signer.operations.accounts.documents import DocumentRules
from signer.operations.accounts.enrolment import EnrolCitizen, Enrolling, Step
from signer.operations.accounts.entry import Admission, AdmitCitizen
from signer.operations.accounts.finding import FindAccount, demand_may_sign
from signer.operations.accounts.issuing import IssueCertificates, TellAuthority
from signer.operations.accounts.life import ChangeAccount, OwnAccount
from signer.operations.accounts.links import NewLink
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.pins import ChangePIN
from signer.operations.accounts.recovery import ForgottenSignaturePIN
from signer.operations.accounts.registration import RegisterCitizen, Registered, Registration
from signer.operations.accounts.rules import PAGES, AccountRules

__all__ = [
    "PAGES",
    "AccountCodes",
    "AccountMessages",
    "AccountRules",
    "Admission",
    "AdmitCitizen",
    "ChangeAccount",
    "ChangePIN",
    "DocumentRules",
    "EnrolCitizen",
    "Enrolling",
    "FindAccount",
    "ForgottenSignaturePIN",
    "IssueCertificates",
    "NewLink",
    "OwnAccount",
    "RegisterCitizen",
    "Registered",
    "Registration",
    "Step",
    "TellAuthority",
    "demand_may_sign",
]
