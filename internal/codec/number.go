package codec

import "strconv"

// numberEnd returns the end of the JSON number that begins at i, or -1.
func numberEnd[T string | []byte](s T, i int) int {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	end := digits(i)
	if end == i || s[i] == '0' && end > i+1 {
		return -1
	}
	if end < len(s) && s[end] == '.' {
		i = end + 1
		if end = digits(i); end == i {
			return -1
		}
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		i = end + 1
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if end = digits(i); end == i {
			return -1
		}
	}
	return end
}

// numberFits reports whether a number is within what a validator can bear.
func numberFits(s string) bool {
	if len(s) > maxNumberLength {
		return false
	}
	for i := range len(s) {
		if s[i] == 'e' || s[i] == 'E' {
			e, err := strconv.Atoi(s[i+1:])
			return err == nil && -maxNumberExponent <= e && e <= maxNumberExponent
		}
	}
	return true
}

// isNumber reports whether all of s is a JSON number of bearable size.
func isNumber(s string) bool {
	return numberEnd(s, 0) == len(s) && numberFits(s)
}
