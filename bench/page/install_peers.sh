#!/bin/sh
# Debian's Prometheus, Alertmanager and blackbox_exporter. None may end the bench: what cannot be had is said to be absent.
# Debian would start them as services; while they are installed, its own switch says no.
peers="prometheus prometheus-alertmanager prometheus-blackbox-exporter"
switch=/usr/sbin/policy-rc.d
missing=
for name in $peers; do command -v "$name" >/dev/null || missing="$missing $name"; done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "bench: not root, so these stay absent; apt-get install$missing"
  exit 0
fi
if [ ! -e $switch ]; then
  trap 'rm -f $switch' EXIT
  printf '#!/bin/sh\nexit 101\n' >$switch && chmod +x $switch
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
  echo "bench: these could not be installed:$missing"
exit 0
