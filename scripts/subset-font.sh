#!/usr/bin/env bash
# Creates the fonts of PNG pictures: Inter (SIL Open Font License 1.1) from Debian's fonts-inter, reduced to Latin and the symbols that
# automap prints: 60 KB for both. Run it again only to add symbols.
set -euo pipefail
cd "$(dirname "$0")/.."

fonts=${1:-/usr/share/fonts/opentype/inter}
out=crates/automap-render/assets/font
signs='U+0020-007E,U+00A0-00FF,U+0131,U+0141-0142,U+0152-0153,U+0160-0161,U+0178,U+017D-017E,U+03BC'
signs+=',U+2010-2015,U+2018-201E,U+2022,U+2026,U+2030,U+2190-2195,U+2212,U+2248,U+2260,U+2264-2265,U+25B2,U+25CF,U+25CB,U+FFFD'

venv=target/tools/fonttools
[ -x $venv/bin/pyftsubset ] || { python3 -m venv $venv && $venv/bin/pip install --quiet fonttools==4.60.1; }
mkdir -p $out
for style in Regular SemiBold; do
  $venv/bin/pyftsubset "$fonts/Inter-$style.otf" --unicodes="$signs" --layout-features=kern,mark,mkmk \
    --no-hinting --notdef-outline --name-IDs='1,2,4,6,13,14,16,17' --output-file="$out/Inter-$style.otf"
done
ls -l $out
