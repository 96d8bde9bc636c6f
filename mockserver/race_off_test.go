//go:build !race

package mockserver_test

const slowdown = 1
