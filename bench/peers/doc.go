// Command peers compares WebSocket servers: CPU time per message, memory per connection, and latency. See docs/benchmarking.md.
//
//	go run . [-quick] [-scenarios REGEXP] [-libs NAMES] [-rounds N] [-out DIR] [-external 'NAME[MODES]=COMMAND']
//
// It builds the server and the load generator, pins each to a core of its own, runs the libraries in turns, and writes results.json, results.md and charts.
package main
