# Everything here is wrong in a way of its own.
pcs resource create metering-delay Delay startdelay=10 --clone interleave=true
pcs resource create metering-api systemd:metering-api --clone
pcs resource create openstack-compute-conductor systemd:conductor --clone
pcs constraint order start metering-api-clone then cloud-metering-delay-clone
pcs constraint colocation add compute-conductor-clone with cloud-metering-delay-clone
pcs resource enable openstack-metering-api
pcs resource create vip-x IPaddr2 ip=${NETWORK}.217
for section in a b c; do
    pcs resource create vip-${section} IPaddr2 ip=192.0.2.1
    pcs constraint order start vip-${section} then metering-api-clone
done
pcs constraint order start vip-a then metering-api-clone
if [ "$KIND" = collapsed ]; then pcs constraint order start vip-x then metering-api-clone; fi
cibadmin --delete --xml-text "<node id='compute-0'/>"
pcs constraint location metering-api rule score=0 osprole eqq compute
pcs resource create again systemd:x op start timeout=soon
pcs quorum device add model net host=q
pcs resource create metering-api systemd:twice
pcs frobnicate
pcs stonith create xvm fence_xvm multicast_address=225.0.0.7
pcs resource create 'unclosed systemd:x
