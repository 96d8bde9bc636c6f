// Fills a target file that "conform init" began, as somebody would who has an
// unknown server: the url, the demo accounts (two of a kind where there are two),
// and, if asked, what conditions rest on.
//
//   mockauth accounts --json | node target.mjs TARGET.yaml SYSTEM URL [--base-path PATH] [--tell]
//
// It prints the variables that the file names, as lines for a shell.
import { readFileSync, writeFileSync } from 'node:fs'

const [file, system, url, ...options] = process.argv.slice(2)
const basePath = options.includes('--base-path') ? options[options.indexOf('--base-path') + 1] : undefined
const tell = options.includes('--tell')
const records = JSON.parse(readFileSync(0, 'utf8')).filter((r) => r.system === system)

// The section "accounts" of the template, read: a record a dash; the fields of the
// first record that are commented out are optional, the second record is so as a
// whole.
const text = readFileSync(file, 'utf8')
const section = text.match(/^#?accounts:\n(?:[ #].*\n)*/m)
const kinds = []
for (const line of section[0].split('\n').slice(1)) {
  let m
  if ((m = line.match(/^ {2}#?([A-Za-z_]\w*):$/))) {
    kinds.push({ name: m[1], records: [], decisive: [] })
  } else if ((m = line.match(/^[ #]+(- )?#?([A-Za-z_]\w*): \{env: (\w+)\}$/))) {
    const kind = kinds.at(-1)
    if (m[1]) kind.records.push([])
    kind.records.at(-1).push({ name: m[2], variable: m[3], optional: /^ {6}#/.test(line) })
  } else if ((m = line.match(/^ +# (?:.*: )?((?:\w+, )*\w+)$/)) && kinds.length) {
    kinds.at(-1).decisive.push(...m[1].split(', '))
  }
}

const there = (v) => v !== undefined && v !== null
const lines = ['accounts:']
for (const kind of kinds) {
  const left = records.filter((r) => r.kind === kind.name).map((r) => r.value)
  const begun = lines.length
  for (const fields of kind.records) {
    const at = left.findIndex((v) => fields.every((f) => f.optional || there(v[f.name])))
    if (at < 0) break
    const [value] = left.splice(at, 1)
    if (lines.length === begun) lines.push(`  ${kind.name}:`)
    let dash = '- '
    for (const f of fields) {
      if (!there(value[f.name])) continue
      lines.push(`    ${dash}${f.name}: {env: ${f.variable}}`)
      console.log(`export ${f.variable}='${String(value[f.name]).replaceAll("'", `'\\''`)}'`)
      dash = '  '
    }
    for (const name of tell ? kind.decisive : []) {
      if (there(value[name])) lines.push(`      ${name}: ${JSON.stringify(value[name])}`)
    }
  }
}

let out = text.replace(section[0], lines.join('\n') + '\n').replace(/^url: .*$/m, `url: ${url}`)
if (basePath !== undefined) out = out.replace(/^#basePath:.*$/m, `basePath: ${JSON.stringify(basePath)}`)
out = out.replace(/^#capabilities:$/m, 'capabilities: {writes: true, exclusive: true}')
out = out.replace(/^#budgets:$/m, 'budgets: {wrongPasswords: unlimited, sessions: unlimited, requestsPerSecond: unlimited}')
writeFileSync(file, out)
