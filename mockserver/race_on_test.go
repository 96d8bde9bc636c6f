//go:build race

package mockserver_test

// slowdown is what the race detector costs: 2 to 20 times, by its documentation.
const slowdown = 10
