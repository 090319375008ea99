package main

// test is the command that runs tests of a package, whose output has the numbers.
func test(pattern, folder string, flags ...string) []string {
	return append(append([]string{"go", "test", "-count=1", "-json", "-run", pattern}, flags...), folder)
}

const aLeaf = `/[^/]+$`

// random is what conntest.Random prints.
const random = `figure: random executions = (\d+)`

// grew is what the tests of floods print.
const grew = `the heap grew by (\d+) bytes at most`

var probes = []probe{
	{name: "autobahn", read: readAutobahn, says: "autobahn/run.sh both"},
	{name: "conformance", long: "two minutes", command: test("Conforms", "./autobahn/testee"), values: []value{
		{"server cases", most, "TestServerConforms", `(\d+) cases in`},
		{"client cases", most, "TestClientConforms", `(\d+) cases in`},
	}},
	{name: "refused", command: []string{"go", "test", "-count=1", "-json", "-run", "^(TestFailsAtTheFirstByte|TestFailsAtTheFirstByteCompressed|TestCheckErrors|TestInflateRefuses|TestFailures)$",
		"./internal/protocol", "./frame", "./conn"}, values: []value{
		{"to the parser, at the byte", passes, "TestFailsAtTheFirstByte(Compressed)?/.*" + aLeaf, ""},
		{"headers", passes, "^TestCheckErrors/.*" + aLeaf, ""},
		{"to a connection", passes, "^TestFailures/.*" + aLeaf, ""},
		{"compressed, to a connection", passes, "^TestInflateRefuses/.*/(server|client)$", ""},
	}},
	{name: "headers", command: test("^TestCheckMatrix$", "./frame"), values: []value{{"states", most, "TestCheckMatrix", `figure: states = (\d+)`}}},
	{name: "handshakes", command: test("^(TestServerRefuses|TestServerRefusesHeads|TestAcceptRefuses|TestAcceptUpgrades|TestServerUpgrades|TestDialRefuses|TestDialAccepts)$", "./conn"), values: []value{
		{"requests", passes, "^(TestServerRefuses|TestServerRefusesHeads|TestAcceptRefuses|TestAcceptUpgrades|TestServerUpgrades)/.*" + aLeaf, ""},
		{"replies", passes, "^(TestDialRefuses|TestDialAccepts)/.*" + aLeaf, ""},
	}},
	{name: "negotiation", command: test("^(TestEveryElement|TestEveryList|TestEveryValue|TestEveryPair)$", "./deflate"), values: []value{
		{"offers", sum, "offer", `(\d+) cases`},
		{"responses", sum, "response", `(\d+) cases`},
	}},
	{name: "advisories", read: readThreats, says: "go test -run Threat ."},
	{name: "fuzzing", read: readFuzzing, says: "cd reliability && go run ./fuzzcount -modules ..,. -n 1000000 -until 100000000"},
	{name: "random", long: "ten minutes", env: []string{"HAWSER_EXECUTIONS=100000000"}, command: []string{"go", "test", "-count=1", "-json", "-run", "^TestRandom(Headers|Closes|Tokens|Parameterized)$", "-timeout=0", "./frame", "./internal/httpfield"},
		values: []value{{"headers", sum, "TestRandomHeaders", random}, {"closes", sum, "TestRandomCloses", random}, {"tokens", sum, "TestRandomTokens", random}, {"parameterized", sum, "TestRandomParameterized", random}}},
	{name: "random, of each implementation", long: "ten minutes", env: []string{"HAWSER_EXECUTIONS=34000000"}, command: []string{"go", "test", "-count=1", "-json", "-run", "^TestRandom(XOR|Text)$", "-timeout=0", "./mask", "./internal/utf8stream"},
		values: []value{{"XOR", sum, "TestRandomXOR", random}, {"text", sum, "TestRandomText", random}}},
	{name: "faults", long: "two minutes", command: test("Fault|TestAcceptWrites|TestDialFails", "./conn"), values: []value{
		{"runs", most, "", `faults, ([0-9]+) so far`},
	}},
	{name: "coverage", long: "three minutes", command: []string{"go", "test", "-count=1", "-cover", "./mask", "./frame", "./handshake", "./deflate", "./internal/protocol", "./internal/utf8stream", "./internal/httpfield", "./conn"},
		values: []value{
			{"mask", most, "", `hawser/mask\s.*coverage: ([0-9.]+)%`},
			{"frame", most, "", `hawser/frame\s.*coverage: ([0-9.]+)%`},
			{"handshake", most, "", `hawser/handshake\s.*coverage: ([0-9.]+)%`},
			{"deflate", most, "", `hawser/deflate\s.*coverage: ([0-9.]+)%`},
			{"internal/protocol", most, "", `hawser/internal/protocol\s.*coverage: ([0-9.]+)%`},
			{"internal/utf8stream", most, "", `hawser/internal/utf8stream\s.*coverage: ([0-9.]+)%`},
			{"internal/httpfield", most, "", `hawser/internal/httpfield\s.*coverage: ([0-9.]+)%`},
			{"conn", most, "", `hawser/conn\s.*coverage: ([0-9.]+)%`},
		}},
	{name: "mutation", read: readMutation, says: "cd reliability && go run ./mutate -p 2 -results results/mutation frame internal/protocol internal/httpfield mask internal/utf8stream handshake deflate"},
	{name: "races", long: "minutes, for 50,000 rounds more", adds: true, env: []string{"HAWSER_CLOSE_RACES=50000"}, command: test("^TestEndRaces$", "./conn", "-race", "-timeout=0"), fixed: map[string]float64{"rounds": 50000},
		values: []value{{"runs", passes, "^TestEndRaces$", ""}}},
	{name: "pragmas", read: readPragmas, says: "grep -rn go:norace --include='*.go' ."},
	{name: "cycles", command: test("^TestRapidConnections$", "./conn"), values: []value{
		{"connections", most, "TestRapidConnections", `D11/(\d+) connections leave`},
		{"bytes left", most, "TestRapidConnections", `connections leave (-?\d+) bytes`},
	}},
	{name: "stalled headers", command: test("^TestPinnedMemory$", "./conn"), values: []value{
		{"plain, the header alone", most, "/in_a_frame/", `after (?:10|14) bytes: (-?\d+) for each`},
		{"plain, then", most, "/(in_a_frame|between_fragments)/", `after \d+ bytes: (-?\d+) for each`},
		{"compressed, the header alone", most, "/compressed/", `after (?:10|14) bytes: (-?\d+) for each`},
		{"compressed, then", most, "/compressed(_between_fragments)?/", `after \d+ bytes: (-?\d+) for each`},
	}},
	{name: "bomb", command: test("^TestInflateBomb$", "./conn"), values: []value{{"KiB", most, "TestInflateBomb", `the heap grew by (\d+) KiB`}}},
	{name: "fragments", command: test("^TestFragmentFlood$", "./conn"), values: []value{{"bytes", most, "TestFragmentFlood", grew}}},
	{name: "pings", command: test("^TestPingFlood$", "./conn"), values: []value{{"bytes", most, "TestPingFlood", grew}}},
	{name: "corpora", folder: "reliability", command: []string{"go", "run", "./corpora"}, values: []value{
		{"inputs", most, "", `^(\d+) inputs`},
		{"measured", most, "", `inputs, (\d+) of them`},
		{"ns", most, "", `([0-9.]+) ns for each byte`},
	}},
	{name: "linear", command: test("^TestLinear$", "./bench"), values: []value{{"twice as many", most, "TestLinear", `twice as many: ([0-9.]+) times`}}},
	{name: "deadlines", folder: "reliability", command: []string{"go", "run", "./deadlines"}, values: []value{
		{"most", most, "", `^[^a][^\n]* late by +([0-9.]+) ms at most`},
		{"99 of 100", most, "", `^[^a].*, +([0-9.]+) ms in 99`},
		{"middle", most, "", `^[^a].* ([0-9.]+) ms in the middle`},
		{"timer", most, "", `^a timer +late by +([0-9.]+) ms at most`},
	}},
	{name: "idle, pull", command: []string{"go", "run", "./examples/many", "-n", "18000", "-style", "pull"}, values: []value{
		{"connections", most, "", `^ +(\d+) +\d+ +\d+ +\d+$`},
		{"bytes each", most, "", `^ +1[78]\d\d\d +\d+ +\d+ +(\d+)$`},
	}},
	{name: "idle, push", command: []string{"go", "run", "./examples/many", "-n", "18000", "-style", "push"}, values: []value{
		{"connections", most, "", `^ +(\d+) +\d+ +\d+ +\d+$`},
		{"bytes each", most, "", `^ +1[78]\d\d\d +\d+ +\d+ +(\d+)$`},
	}},
	{name: "soak", read: readSoak, says: "bench/record.sh soak -driver goroutine; bench/record.sh soak -driver loop"},
}

// soakValues are what the soak prints at its end: of several, the sums and the worst.
var soakValues = []value{
	{"honest messages", sum, "", `^(\d+) honest messages`},
	{"attacks", sum, "", `honest messages, (\d+) attacks`},
	{"times p99", most, "", `honest p99 .*: ([0-9.]+) times as long`},
	{"drops", sum, "", `honest messages and connections dropped +(\d+), at most`},
	{"bytes more under attack", most, "", `bytes more on the heap under attack +(-?\d+), at most`},
	{"bytes left", most, "", `bytes on the heap left +(-?\d+), at most`},
	{"goroutines left", sum, "", `goroutines left +(-?\d+), at most`},
	{"descriptors left", sum, "", `descriptors left +(-?\d+), at most`},
}
