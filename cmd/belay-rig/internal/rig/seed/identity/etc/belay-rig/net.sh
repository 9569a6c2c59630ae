# Run at each boot by belay-rig-net.service.
ip link set lo up
ip link set host0 address {{.ClusterMAC}}
ip link set oob0 address {{.OOBMAC}}
ip address replace {{.ClusterAddr}}/24 dev host0
ip address replace {{.OOBAddr}}/24 dev oob0
ip link set host0 up
ip link set oob0 up
