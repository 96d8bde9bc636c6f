// Prints what came of each run as a table, and compares it with the reasons that
// are known. It exits with 1 if a reason is not there.
//
//   node table.mjs FOLDER REASONS.json
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, file] = process.argv.slice(2)
const reasons = JSON.parse(readFileSync(file, 'utf8'))
const wrong = []

console.log('| server | system | exit | passed | failed | not testable | differs | excluded | requests | seconds |')
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
for (const [server, systems] of Object.entries(reasons)) {
  for (const [system, want] of Object.entries(systems)) {
    const dir = join(folder, server, system)
    const code = Number(readFileSync(join(dir, 'code'), 'utf8'))
    const results = join(dir, 'results.json')
    const run = code < 3 && existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : null
    const complain = (what) => wrong.push(`${server} ${system}: ${what}`)
    const count = (status) => (run ? run.verdicts.filter((v) => v.status === status).length : '–')
    console.log('| ' + [server, system, code, ...['passed', 'failed', 'not testable', 'differs', 'excluded'].map(count),
      run ? run.used.requests : '–', run ? run.seconds.toFixed(1) : '–'].join(' | ') + ' |')

    if (!want.exit.includes(code)) complain(`exit code ${code}, not ${want.exit.join(' or ')}`)
    const terminal = readFileSync(join(dir, 'terminal.txt'), 'utf8')
    if (code === 3 && want.says && !terminal.includes(want.says)) complain(`it does not say ${JSON.stringify(want.says)}`)
    if (!run) continue
    if (run.used.left > 0) complain(`${run.used.left} sessions are left open`)
    for (const [id, [status, text]] of Object.entries(want.cases ?? {})) {
      const v = run.verdicts.find((v) => v.id === id)
      const said = v && [v.why ?? '', ...(v.mismatches ?? []).map((m) => `${m.in} ${m.pointer ?? ''} wanted ${m.wanted} got ${m.got}`)].join('\n')
      if (!v) complain(`there is no case ${id}`)
      else if (v.status !== status) complain(`${id} ${v.status}, and not ${status}: ${said}`)
      else if (!said.includes(text)) complain(`${id} is not about ${JSON.stringify(text)}: ${said}`)
    }
  }
}
for (const w of wrong) console.error(w)
process.exit(wrong.length ? 1 : 0)
