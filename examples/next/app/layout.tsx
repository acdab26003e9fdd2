import type { ReactNode } from 'react'

export const metadata = { title: 'sojourn' }

const css = `
body { font: 1rem/1.5 system-ui; max-width: 34rem; margin: 2rem auto; padding: 0 1rem }
label { display: block; margin: .5rem 0 }
[role=status] { background: #e8f3ec; padding: .5rem 1rem }
`

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <style>{css}</style>
        {children}
      </body>
    </html>
  )
}
