// Reads VietQR texts (one a line) and prints what an independent decoder makes of them, one JSON a line.
const { QRPay } = require("vietnam-qr-pay");

for (const text of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const code = new QRPay(text);
  console.log(JSON.stringify({
    valid: code.isValid, bank: code.consumer.bankBin, account: code.consumer.bankNumber,
    amount: code.amount, bill: code.additionalData.billNumber, purpose: code.additionalData.purpose,
    initMethod: code.initMethod, service: code.provider.service,
  }));
}
