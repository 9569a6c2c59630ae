#!/bin/sh
# Runs inside the new root file system, as root, with proc, sys, run and dev mounted.
# Everything here is part of the recipe's hash: change it and the next build makes a new base.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

debconf-set-selections <<ANSWERS
ironic-inspector ironic-inspector/configure_db boolean false
ironic-inspector ironic-inspector/configure_ksat boolean false
ironic-inspector ironic-inspector/register-endpoint boolean false
ANSWERS

echo "## package lists"
apt-get -q update
echo "## services: $(tr '\n' ' ' </belay-rig-packages)"
xargs apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-confdef </belay-rig-packages
rm /belay-rig-packages

echo "## units"
# What the cluster manager runs must not start by itself, and a host needs no timers.
for unit in mariadb rabbitmq-server haproxy dnsmasq ironic-inspector rsync \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap \
	fstrim.timer logrotate.timer getty@tty1 systemd-pstore; do
	systemctl disable "$unit" >/dev/null 2>&1 || true
done
# Erlang's port mapper is started by its socket, when RabbitMQ first asks for it.
systemctl enable epmd.socket >/dev/null 2>&1
rm -f /etc/systemd/system/multi-user.target.wants/epmd.service
# A container has no devices, clock, console or network of its own to set up.
systemctl mask systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
	systemd-udev-trigger.service systemd-timesyncd.service systemd-resolved.service \
	systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service \
	systemd-network-generator.service console-getty.service dev-hugepages.mount \
	systemd-update-utmp.service systemd-update-utmp-runlevel.service \
	systemd-hwdb-update.service ldconfig.service >/dev/null 2>&1
systemctl enable belay-rig-net.service >/dev/null 2>&1
systemctl set-default multi-user.target >/dev/null 2>&1

echo "## database directory"
# Small redo logs: every host carries its own copy of this directory.
rm -rf /var/lib/mysql
install -d -o mysql -g mysql -m 0755 /var/lib/mysql
mariadb-install-db --user=mysql --skip-test-db --auth-root-authentication-method=socket >/dev/null
touch /var/lib/mysql/debian-10.11.flag

echo "## clean-up"
rm -rf /var/lib/rabbitmq/mnesia /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
rm -f /etc/apt/apt.conf.d/01belay-rig-build /usr/sbin/policy-rc.d /etc/resolv.conf /etc/hostname
find /var/log -type f -delete
# An id left here would be copied by systemd to each host: three machines with one id.
rm -f /var/lib/dbus/machine-id
: >/etc/machine-id
install -d -g systemd-journal -m 2755 /var/log/journal
