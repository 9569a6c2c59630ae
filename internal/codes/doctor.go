package codes

// nextDoctor is what to type next, once the cause is mended.
const nextDoctor = "belayctl doctor"

var doctorCodes = []Entry{
	{
		Code: "certificate", Family: Doctor, Short: "a certificate runs out, or cannot be read", Cause: "Members know each other by certificates only; belayd renews its own when a third of its life is left. With none that is valid nobody talks to the member.",
		Cure: "Renew it as the finding says.", Next: nextDoctor, Example: "/var/lib/belay/tls/node.crt runs out on 2026-03-14T00:00:00Z: then nobody talks to it",
	},
	{
		Code: "clock_offset", Family: Doctor, Short: "a member's clock differs from the others'", Cause: "Time synchronisation does not run, or has another source. Belay's safety does not lean on clocks; logs, certificates, expiries and services do.",
		Cure: "Let chrony or systemd-timesyncd step the clock.", Next: "chronyc tracking", Example: "its clock is 2.1s behind that of every other member",
	},
	{
		Code: "clock_unsynced", Family: Doctor, Short: "nobody keeps a host's clock", Cause: "No time service runs there.",
		Cure: "Enable one.", Next: "systemctl enable --now chrony", Example: "nobody keeps its clock: the kernel says that it is not synchronised",
	},
	{
		Code: "command_set", Family: Doctor, Short: "members understand more than the cluster uses", Cause: "Not all members run the newest release, so what is new in it is not used yet.",
		Cure: "Upgrade the others.", Next: "belayctl version", Example: "it understands command set 4, the cluster uses 3",
	},
	{
		Code: "disk_error", Family: Doctor, Short: "the directory of the log cannot be written", Cause: "The disk is broken, mounted read-only, or its rights are wrong. A member that cannot write its log ends itself.",
		Cure: "Mend the disk or the rights.", Next: "dmesg", Example: "/var/lib/belay cannot be written: read-only file system",
	},
	{
		Code: "disk_full", Family: Doctor, Short: "there is little room for the log", Cause: "Something fills the disk. Without room the log cannot grow and belayd ends itself.",
		Cure: "Make room.", Next: "df -h /var/lib/belay", Example: "/var/lib/belay has 40 MiB left: without room the log cannot grow and belayd ends itself",
	},
	{
		Code: "disk_slow", Family: Doctor, Short: "writes to the log's disk are slow", Cause: "Every change waits until a majority has written it. A slow or shared disk makes elections and changes slow.",
		Cure: "Move the directory to a quicker disk, or take load from this one.", Next: "iostat -x 1", Example: "a synced write to /var/lib/belay takes 80ms, 900ms at worst",
	},
	{
		Code: "even_voters", Family: Doctor, Short: "an even number of voters", Cause: "Four voters survive no more losses than three.",
		Cure: "Add a voter, or a witness.", Next: "belayctl cluster join PEER --address ADDRESS --witness", Example: "4 voters survive no more losses than 3",
	},
	{
		Code: "fence_unasked", Family: Doctor, Short: "fence devices were not asked", Cause: "Asking them needs a leader and the role operator.",
		Cure: "Ask them once there is a leader.", Next: "belayctl fence check --all", Example: "fence devices were not asked: no leader is known",
	},
	{
		Code: "fencing_off", Family: Doctor, Short: "fencing is switched off", Cause: "fencing_enabled is false. What a lost node ran is recovered without proof, or not at all.",
		Cure: "Define fence devices and switch it on.", Next: "belayctl property set fencing_enabled=true", Example: "fencing is switched off: what a lost node ran is recovered without proof, or not at all",
	},
	{
		Code: "gossip", Family: Doctor, Short: "the failure detector does not reach a member that the API reaches", Cause: "TCP passes and UDP does not: a firewall.",
		Cure: "Let the gossip port through, tcp and udp.", Next: nextDoctor, Example: "it reaches controller-1, and its failure detector says dead: UDP may not pass",
	},
	{
		Code: "member_silent", Family: Doctor, Short: "a member could not be examined", Cause: "Its daemon does not run or does not answer.",
		Cure: "Look at the daemon on that host.", Next: "systemctl status belayd", Example: "it could not be examined: connection refused",
	},
	{
		Code: "member_stopped", Family: Doctor, Short: "a member's daemon was stopped in order", Cause: "Somebody stopped it.",
		Cure: "Start it when the work there is done.", Next: "systemctl start belayd", Example: "its daemon was stopped in order and was not examined",
	},
	{
		Code: "memory", Family: Doctor, Short: "little memory is left", Cause: "Something uses it up. When it is gone, the kernel kills processes, and hosts answer late.",
		Cure: "Find what uses it.", Next: "ps aux --sort=-rss", Example: "120 MiB of 32 GiB memory are left",
	},
	{
		Code: "mtu", Family: Doctor, Short: "large packets do not pass between two members", Cause: "A switch or tunnel in between takes smaller packets than the interface sends. Small requests work, large ones hang.",
		Cure: "Set the same MTU all the way.", Next: "ip link show", Example: "packets of 9000 bytes do not reach controller-1",
	},
	{
		Code: "mtu_differs", Family: Doctor, Short: "members send packets of different sizes", Cause: "Their interfaces have different MTUs.",
		Cure: "Set the same everywhere.", Next: "ip link show", Example: "members send packets of different sizes: 1500 on controller-0; 9000 on controller-1",
	},
	{
		Code: "no_margin", Family: Doctor, Short: "one more loss stops the cluster", Cause: "Just a majority of the voters is up.",
		Cure: "Bring the others back.", Next: "belayctl status", Example: "2 of 3 voters are up: one more loss stops the cluster",
	},
	{
		Code: "no_systemd", Family: Doctor, Short: "systemd does not run on a host", Cause: "Nothing starts belayd again there, and agents of units cannot work.",
		Cure: "Run belayd on hosts with systemd.", Next: nextDoctor, Example: "systemd does not run here: nothing starts belayd again, and agents of units cannot work",
	},
	{
		Code: "not_examined", Family: Doctor, Short: "something could not be looked at", Cause: "The host does not tell, or a right is missing.",
		Cure: "Look by hand.", Next: nextDoctor, Example: "the clock: adjtimex is not permitted",
	},
	{
		Code: "not_root", Family: Doctor, Short: "doctor was not run by root", Cause: "Some things can be looked at by root alone, and a member needs root.",
		Cure: "Run it as root.", Next: "sudo belayctl doctor --local", Example: "this is not root: some things could not be looked at, and a member needs root",
	},
	{
		Code: "one_voter", Family: Doctor, Short: "only one member votes", Cause: "With it everything is lost.",
		Cure: "Give others a vote.", Next: "belayctl node list", Example: "one of 3 members votes: with it everything is lost",
	},
	{
		Code: "port_api", Family: Doctor, Short: "a member cannot use another one's API", Cause: "Its daemon does not run, or a firewall is in between.",
		Cure: "Start the daemon; let the port through (tcp).", Next: nextDoctor, Example: "it cannot use controller-1 at 192.0.2.11:7450: i/o timeout",
	},
	{
		Code: "port_gossip", Family: Doctor, Short: "a member cannot reach another one's gossip port", Cause: "A firewall lets the API's port through, and not the next one.",
		Cure: "Let it through, tcp and udp.", Next: nextDoctor, Example: "it reaches controller-1, but not its gossip port: i/o timeout",
	},
	{
		Code: "port_taken", Family: Doctor, Short: "a port that belayd needs is taken", Cause: "Another program listens there.",
		Cure: "Stop it, or give belayd another port.", Next: "ss -lntup", Example: "0.0.0.0:7450 cannot be had for the API: address already in use",
	},
	{
		Code: "program_missing", Family: Doctor, Short: "a program that a resource or fence device needs is missing on a host", Cause: "It is not installed there.",
		Cure: "Install it, or keep the resource away from that host.", Next: nextDoctor, Example: "there is no /usr/sbin/haproxy: resource haproxy cannot run there",
	},
	{
		Code: "slow_link", Family: Doctor, Short: "a request between two members takes long", Cause: "The network is loaded or long. Detection and elections are tuned for a LAN.",
		Cure: "Look for load, or give the cluster a network of its own.", Next: nextDoctor, Example: "a small request to controller-1 and back takes 80ms at best",
	},
	{
		Code: "swap", Family: Doctor, Short: "a host swaps", Cause: "What is swapped out answers late, and late members are fenced.",
		Cure: "Switch swap off, or add memory.", Next: "swapoff -a", Example: "1.2 GiB are swapped out: what is swapped out answers late, and late members are fenced",
	},
	{
		Code: "unfenced", Family: Doctor, Short: "no fence device can fence a node", Cause: "None names it as a target. When it is lost, what it ran stays where it was.",
		Cure: "Define one.", Next: "belayctl fence create ID AGENT targets=NODE", Example: "no fence device can fence it: when it is lost, what it ran stays where it was",
	},
	{
		Code: "unit_enabled", Family: Doctor, Short: "systemd also starts a unit that a resource manages", Cause: "The unit is enabled: at boot it runs where the cluster has not put it.",
		Cure: "Have the members disable it, now and whenever something enables it again. Of one that is taken over already, the member's journal says what is in the way.", Next: "belayctl resource take-over RESOURCE", Example: "systemd also starts keystone.service, which resource keystone manages: at boot it runs where the cluster has not put it",
	},
	{
		Code: "unit_masked", Family: Doctor, Short: "the unit of a resource is masked", Cause: "Nobody can start it on that host, the cluster neither.",
		Cure: "Unmask it.", Next: "systemctl unmask UNIT", Example: "keystone.service is masked: resource keystone cannot start there",
	},
	{
		Code: "unit_missing", Family: Doctor, Short: "the unit of a resource is missing on a host", Cause: "The package is not installed there.",
		Cure: "Install it, or keep the resource away from that host.", Next: "belayctl constraint location RESOURCE avoids NODE", Example: "there is no keystone.service: resource keystone cannot run there",
	},
	{
		Code: "version_skew", Family: Doctor, Short: "members run different releases", Cause: "An upgrade has begun and not ended.",
		Cure: "Finish it, one host after the other.", Next: "belayctl version", Example: "members run different releases: 1.0 on controller-0; 1.1 on controller-1",
	},
	{
		Code: "watchdog_unfed", Family: Doctor, Short: "a fence device counts on a watchdog that nobody feeds", Cause: "The host has no watchdog device, or the daemon may not open it.",
		Cure: "Load its driver and start the daemon again.", Next: "ls -l /dev/watchdog0", Example: "a fence device counts on its watchdog, and its daemon feeds none",
	},
}
