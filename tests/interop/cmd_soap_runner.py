"""Runs the public CMD-SOAP command line, its own files untouched, against a server of ours.

``cmd_soap_runner.py FOLDER BASE APPLICATION_ID [its arguments]``: the client keeps its
ApplicationId in a module of its own and the State's address in its code; both are given from
outside here.
"""

import importlib
import runpy
import sys
import types
from pathlib import Path

PATH = "/Ama.Authentication.Frontend/CCMovelDigitalSignature.svc?wsdl"


def main() -> None:
    """Give both, then run the client's command line as it is."""
    folder, base, application, *arguments = sys.argv[1:]
    sys.path.insert(0, folder)
    configuration = types.ModuleType("cmd_config")
    configuration.APPLICATION_ID = application
    configuration.get_appid = lambda: application
    sys.modules["cmd_config"] = configuration
    importlib.import_module("cmd_soap_msg").get_wsdl = lambda *_: base + PATH
    script = str(Path(folder) / "test_cmd_wsdl.py")
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
