#!/usr/bin/env bash
# What the tests need from Debian: Chromium, poppler's tools, Node for the independent QR decoder,
# xmlsec1 for the independent check of signatures, SoftHSM2 as a PKCS#11 token.
# As root it is installed; otherwise the missing packages are named with the tests they leave out.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v xmlsec1 >/dev/null || missing+=(xmlsec1)
command -v softhsm2-util >/dev/null || missing+=(softhsm2)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing from Debian: ${missing[*]} …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}. As root: apt-get install ${missing[*]}." >&2
    case " ${missing[*]} " in *" chromium "*) echo "  without chromium: tests/functional (browser) is left out." >&2 ;; esac
    case " ${missing[*]} " in *" poppler-utils "*) echo "  without poppler-utils: the PDF tests are left out." >&2 ;; esac
    case " ${missing[*]} " in *node* | *npm*) echo "  without node and npm: tests/contract's independent QR decoder is left out." >&2 ;; esac
    case " ${missing[*]} " in *" xmlsec1 "*) echo "  without xmlsec1: tests/contract's independent check of signed invoices is left out." >&2 ;; esac
    case " ${missing[*]} " in *" softhsm2 "*) echo "  without softhsm2: the tests of signing with a PKCS#11 token are left out." >&2 ;; esac
  fi
fi
if command -v npm >/dev/null && [ -f tests/contract/node/package-lock.json ] && [ ! -d tests/contract/node/node_modules ]; then
  (cd tests/contract/node && npm ci --silent --no-progress)
fi
