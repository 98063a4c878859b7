#!/bin/sh
# Installs into a scratch folder, then builds and runs docs/examples/ against what was installed.
set -eu
scratch=$1/install
make -s install PREFIX="$scratch" DESTDIR= >/dev/null
export PKG_CONFIG_PATH=$scratch/lib/pkgconfig
for source in docs/examples/*.c; do
    ${CC:-gcc} -std=c17 -Wall -Wextra -Werror -o "$1/example" "$source" $(pkg-config --cflags --libs --static wavetank) -lcunit
    (cd docs/examples && "$1/example")
done
