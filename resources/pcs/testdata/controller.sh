#!/bin/bash
# A small controller, as a script makes it.
set -e

PASSWORD=hunter2     # an assignment alone is no command of pcs

pcs cluster auth ctl-a ctl-b ctl-c -u hacluster -p "$PASSWORD" --force
pcs cluster setup --force --name cloud ctl-a ctl-b ctl-c
pcs cluster enable --all; pcs cluster start --all
sleep 5

pcs stonith create pdu fence_apc_snmp ip=192.0.2.9 power_wait=10 \
    pcmk_host_map="ctl-a:1;ctl-b:2;ctl-c:3" community=private
pcs property set stonith-enabled=true cluster-recheck-interval=1min
pcs property set --node ctl-a osprole=controller
pcs resource defaults resource-stickiness=INFINITY

cat > /etc/example.conf <<DONE
pcs resource create not-a-command systemd:nothing
DONE

# Constraints may stand before what they name.
pcs constraint order start vip then lb-clone kind=Optional
pcs constraint colocation add vip with lb-clone

pcs resource create lb systemd:haproxy --clone
pcs resource create vip IPaddr2 ip=192.0.2.20 cidr_netmask=24 2>/dev/null || echo failed
pcs resource create db galera enable_creation=true wsrep_cluster_address="gcomm://ctl-a,ctl-b,ctl-c" \
  additional_parameters='--open-files-limit=16384' meta master-max=3 ordered=true op promote timeout=300s on-fail=block --master
pcs resource create queue rabbitmq-cluster set_policy='ha-all ^(?!amq\.).* {"ha-mode":"all"}' \
  meta notify=true --clone ordered=true interleave=true
pcs resource create images Filesystem device=nas:/images directory=/var/lib/images fstype=nfs options=v3 --clone
pcs resource create api systemd:api --clone interleave=true --disabled --force
pcs resource create compute-0 ocf:pacemaker:remote reconnect_interval=60 op monitor interval=20
pcs property set --node compute-0 osprole=compute
pcs constraint location api-clone rule resource-discovery=exclusive score=0 osprole eq controller
pcs constraint order promote db-master then api-clone
pcs -f saved.xml constraint order start images-clone then start api-clone require-all=false
pcs resource enable api --wait=600s
pcs resource enable compute-0
pcs resource cleanup
pcs status | grep -i failed && exit 1
if grep -q x /etc/example.conf; then
  echo nothing to convert here
fi
