/** What every answer tells a browser: only this server's own page, nothing from elsewhere, in no frame. */

export function securityHeaders(isEncrypted: boolean) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' as const },
    crossOriginEmbedderPolicy: false,
    // Browsers remember it for the name, and a server that goes back to plain HTTP would be lost to them.
    strictTransportSecurity: isEncrypted ? { maxAge: 86_400, includeSubDomains: false } : false,
  }
}
