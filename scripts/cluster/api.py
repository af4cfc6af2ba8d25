"""A client of the API server of node.sh's node, with the standard library only."""

import json
import re
import ssl
import urllib.request


class Api:
    """The API server, as the account of a kubeconfig that node.sh wrote."""

    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding="utf-8") as file:
            text = file.read()
        self.server = re.search(r'server: "([^"]+)"', text).group(1)
        self.token = re.search(r'token: "([^"]+)"', text).group(1)
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def send(self, verb, path, body=None):
        request = urllib.request.Request(self.server + path, method=verb, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/merge-patch+json" if verb == "PATCH" else "application/json")
        with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
            return json.load(answer)
